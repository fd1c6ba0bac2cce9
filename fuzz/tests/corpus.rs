//! What fuzzing has kept, and what it has found, once more.

use std::path::Path;

#[test]
fn nothing_in_the_corpus_is_a_surprise() {
    for (name, check) in fuzz::TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name);
        let mut inputs = 0;
        for entry in std::fs::read_dir(&folder).expect("a target has a corpus") {
            let path = entry.expect("an entry").path();
            let data = std::fs::read(&path).expect("an input");
            // Seen only when the test fails: which of them it was.
            eprintln!("{}", path.display());
            check(&data);
            inputs += 1;
        }
        assert!(inputs > 0, "{name} has a corpus");
    }
}
