//! Whoever comes from one address is counted together, while others leave and what is gone is forgotten.

use std::{net::IpAddr, sync::Arc};

use runtime::config::PerAddress;
use shuttle::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};
use testkit::in_any_order;

use crate::origins::Origins;

const MOST: usize = 1;

#[test]
fn no_more_are_inside_than_may_be_and_whoever_left_is_not_counted() {
    in_any_order(|| {
        let origins = Arc::new(Origins::new(PerAddress {
            connections: MOST,
            work_percent: 1,
            ..PerAddress::default()
        }));
        let address = IpAddr::from([127, 0, 0, 1]);
        let inside = Arc::new(AtomicUsize::new(0));
        let mut threads: Vec<_> = (0..3)
            .map(|_| {
                let (origins, inside) = (Arc::clone(&origins), Arc::clone(&inside));
                thread::spawn(move || {
                    if let Some(entered) = origins.origin(address).enter(false) {
                        assert!(inside.fetch_add(1, Ordering::SeqCst) < MOST);
                        inside.fetch_sub(1, Ordering::SeqCst);
                        drop(entered);
                    }
                })
            })
            .collect();
        threads.push({
            let origins = Arc::clone(&origins);
            thread::spawn(move || (0..3).for_each(|_| origins.forget_absent()))
        });
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        let entered: Vec<_> = (0..=MOST).map(|_| origins.origin(address).enter(false)).collect();
        assert_eq!(entered.iter().flatten().count(), MOST);
    });
}
