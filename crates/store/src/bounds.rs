//! How much is looked at to find out how a filter is answered best.

/// All follow from one number: looks up to which one of several conditions may drive, about 4 µs each: one for each slot, and one for
/// each row that has to be looked up by the other conditions.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    looks: i64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { looks: 4000 }
    }
}

impl Bounds {
    pub fn new(looks: u32) -> Self {
        Self { looks: looks.into() }
    }

    /// Looks up to which one may drive.
    pub fn looks(self) -> i64 {
        self.looks
    }

    /// Looks up to which it is not worth knowing how popular the others are.
    pub fn rare(self) -> i64 {
        self.looks / 16
    }

    /// Looks up to which one may drive when the next window would be a long one, which may cost more: of few slots, of which a window
    /// takes its part only, and of many, each of which costs a look in every window.
    pub fn at_last(self) -> [i64; 2] {
        [2 * self.looks, 4 * self.looks]
    }

    /// Rows that are counted.
    pub fn rows(self) -> i64 {
        self.looks * 15 / 2
    }

    /// Slots whose rows are counted. Of more, these tell about the others.
    pub fn slots(self) -> i64 {
        (self.looks / 8).max(1)
    }

    /// The same where little depends on it.
    pub fn few_slots(self) -> i64 {
        (self.looks / 32).max(1)
    }

    /// Values of a tag that take longer to be asked for than to see whether they are popular.
    pub fn values(self) -> i64 {
        (self.looks / 20).max(2)
    }

    /// Rows of `events_by_time` that a glance takes, 2 to 4 ms.
    pub fn glanced(self) -> i64 {
        5 * self.looks
    }

    /// Rows of these for which tags are looked up, 6 µs each, for an answer of so many.
    pub fn looked_up(self, answer: i64) -> i64 {
        (5 * answer).max(self.looks / 8)
    }
}
