//! Text that compresses about as well as people's does.

use rand::{Rng, rngs::StdRng};

const WORDS: &str = "the a to and of in is you that it for on with are this be was have not as they one from but or we \
    what all can your when there an out if about up do how their will other so time more no would has like him see \
    into them two over its who could than first been call people my made did down only way find use may water long \
    little very after words just where most know get through back much before go good new write our me man too any \
    day same right look think also around another came come work three word must because does part even place well \
    such here take why things help put years different away again off went old number great tell men say small every \
    found still between name should home big give air line set own under read last never us left end along while \
    might next sound below saw something thought both few those always looked show large often together asked house \
    world going want school important until form food keep children feet land side without boy once animals life \
    enough took four head above kind began almost live page got earth need far hand high year mother light country \
    father let night picture being study second soon story since white ever paper hard near sentence better best \
    nostr relay bitcoin zap client event signature key freedom protocol censorship sats lightning gm pv";

/// Sentences of about so many characters, with what occurs in notes: line breaks, quotes, emoji, links.
pub fn text(random: &mut StdRng, length: usize) -> String {
    let words: Vec<&str> = WORDS.split_ascii_whitespace().collect();
    let mut out = String::with_capacity(length + 40);
    while out.len() < length {
        match random.random_range(0..60) {
            0 => out.push_str(".\n\n"),
            1 => out.push_str("\"quoted\" "),
            2 => out.push_str("🤙 "),
            3 => out.push_str("größer – "),
            4 => {
                out.push_str("https://example.com/");
                out.push_str(&super::author::hex(&random.random::<[u8; 8]>()));
                out.push_str(".jpg ");
            }
            _ => {
                // The square prefers the front of the list, where the frequent words stand.
                let at = random.random::<f64>().powi(2) * words.len() as f64;
                out.push_str(words[at as usize]);
                out.push(' ');
            }
        }
    }
    out
}

/// Characters as they stand in encrypted contents: nothing to compress.
pub fn ciphertext(random: &mut StdRng, length: usize) -> String {
    const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..length)
        .map(|_| char::from(BASE64[random.random_range(0..64)]))
        .collect()
}
