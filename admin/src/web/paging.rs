//! Pages of a long list.

/// Which part of a list is shown, and the links to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// From 1.
    pub page: usize,
    /// At least 1.
    pub pages: usize,
    /// Entries in the list.
    pub total: usize,
    /// Entries on a page.
    pub per_page: usize,
}

impl Paging {
    /// The page that was asked for, or the nearest that there is.
    pub fn new(asked: usize, total: usize, per_page: usize) -> Self {
        let pages = total.div_ceil(per_page).max(1);
        Self {
            page: asked.clamp(1, pages),
            pages,
            total,
            per_page,
        }
    }

    /// What part of the list it is.
    pub fn range(&self) -> std::ops::Range<usize> {
        let start = (self.page - 1) * self.per_page;
        start..self.total.min(start + self.per_page)
    }

    /// The pages to link: the first, the last, and those around this one; 0 stands for a gap.
    pub fn links(&self) -> Vec<usize> {
        let mut links = Vec::new();
        for page in 1..=self.pages {
            if page == 1 || page == self.pages || page.abs_diff(self.page) <= 1 {
                links.push(page);
            } else if links.last() != Some(&0) {
                links.push(0);
            }
        }
        links
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        let paging = Paging::new(4, 500, 50);
        assert_eq!((paging.pages, paging.range()), (10, 150..200));
        assert_eq!(paging.links(), [1, 0, 3, 4, 5, 0, 10]);
        assert_eq!(Paging::new(0, 0, 50).range(), 0..0);
        assert_eq!(Paging::new(99, 51, 50).range(), 50..51);
    }
}
