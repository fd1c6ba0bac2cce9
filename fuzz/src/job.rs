//! Jobs, as anybody who reaches Redis may write them: read or refused, and read again as they are written.

use queue::jobs::{
    AuthorizationRequest, CountRequest, Import, Maintenance, NewEvents, NewSearch, NewSubscription,
};
use serde_json::{from_slice, from_str, to_string};

pub fn check(data: &[u8]) {
    if let Ok(job) = from_slice::<NewSubscription>(data) {
        let written = to_string(&job).expect("a job is JSON");
        assert_eq!(
            from_str::<NewSubscription>(&written).ok().as_ref(),
            Some(&job),
            "{written}"
        );
        assert_eq!(from_str::<NewSearch>(&written).ok(), Some(NewSearch(job)));
    }
    if let Ok(job) = from_slice::<Maintenance>(data) {
        let written = to_string(&job).expect("a job is JSON");
        assert_eq!(from_str::<Maintenance>(&written).ok(), Some(job), "{written}");
    }
    let _read = (
        from_slice::<NewEvents>(data).is_ok(),
        from_slice::<CountRequest>(data).is_ok(),
        from_slice::<AuthorizationRequest>(data).is_ok(),
        from_slice::<Import>(data).is_ok(),
    );
}
