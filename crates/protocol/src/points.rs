//! Public keys as points of the curve. To find the point takes a square root, an eighth of a signature check; authors come
//! again, so each thread remembers some.

use std::cell::RefCell;

use secp256k1::{Error, XOnlyPublicKey};

use crate::PublicKey;

/// Points that a thread remembers: 400 kB. A key has one place, where the latest of those that share it stays.
const PLACES: usize = 4096;

thread_local! {
    static POINTS: RefCell<Vec<Option<(PublicKey, XOnlyPublicKey)>>> = const { RefCell::new(Vec::new()) };
}

/// The point of a key, or that there is none.
pub(crate) fn point(pubkey: &PublicKey) -> Result<XOnlyPublicKey, Error> {
    POINTS.with_borrow_mut(|points| {
        if points.is_empty() {
            points.resize(PLACES, None);
        }
        // Whoever makes up keys for one place gains nothing: they find their points as if there were no memory.
        let [.., high, low] = pubkey.as_bytes();
        let place = &mut points[usize::from(u16::from_be_bytes([*high, *low])) % PLACES];
        match place {
            Some((of, point)) if of == pubkey => Ok(*point),
            _ => {
                let point = XOnlyPublicKey::from_byte_array(*pubkey.as_bytes())?;
                *place = Some((*pubkey, point));
                Ok(point)
            }
        }
    })
}
