//! Jobs, as anybody who reaches Redis may write them: read or refused, and read again as they are written.

use queue::jobs::{
    AuthorizationRequest, CountRequest, Import, Maintenance, ManagementCall, NewEvents, NewSearch,
    NewSubscription, Reconcile,
};
use serde::{Serialize, de::DeserializeOwned};
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
    is_read_again::<CountRequest>(data);
    is_read_again::<Reconcile>(data);
    is_read_again::<AuthorizationRequest>(data);
    is_read_again::<Maintenance>(data);
    is_read_again::<ManagementCall>(data);
    let _read = (
        from_slice::<NewEvents>(data).is_ok(),
        from_slice::<Import>(data).is_ok(),
    );
}

fn is_read_again<J: Serialize + DeserializeOwned + PartialEq>(data: &[u8]) {
    if let Ok(job) = from_slice::<J>(data) {
        let written = to_string(&job).expect("a job is JSON");
        assert!(from_str::<J>(&written).ok() == Some(job), "{written}");
    }
}
