//! Slots: the combinations of values that an index is asked for one by one.

use protocol::TagFilter;

use super::{
    Args, Driver, Wanted,
    driver::{KINDS, MANY, jump},
    values::Values,
};

/// Slots that are asked for the whole limit at once: a second look would cost more.
const FEW: usize = 4;

/// Values of another tag whose kinds are looked up, to scan no others.
const COMMON: usize = 200;

/// Where slots come from: SELECTs of a value `v` and a `kind`.
pub(super) enum Slots {
    /// There is one, and it has no columns.
    One,
    Few(String),
    Many {
        slots: String,
        count: usize,
    },
    /// Each value with the kinds that it has rows of.
    Values(Values),
}

impl Slots {
    pub fn of(driver: Driver, wanted: &Wanted, args: &mut Args) -> Self {
        let kinds = wanted.filter.kinds.as_ref().map_or(0, Vec::len);
        match driver {
            Driver::Time => return Self::One,
            Driver::Kinds => {
                let list = args.kinds(wanted).unwrap_or_default();
                let slots = format!("SELECT NULL::int4 AS v, k AS kind FROM unnest({list}) k");
                return Self::new(slots, kinds);
            }
            Driver::Tag(_) | Driver::Authors | Driver::Delegators => {}
        }
        let (values, count) = (driver.values(wanted, args), driver.count(wanted.filter));
        let named = args.kinds(wanted);
        if let Some(list) = named.as_ref().filter(|_| kinds <= KINDS) {
            let slots = format!("SELECT v, k AS kind FROM unnest({values}) v CROSS JOIN unnest({list}) k");
            return Self::new(slots, count * kinds);
        }
        let mut of_kinds = vec!["true".to_owned()];
        of_kinds.extend(named.map(|list| Args::one_of("x.kind", &list, kinds)));
        of_kinds.extend(args.other_kinds(wanted, "x.kind"));
        of_kinds.extend(common_kinds(driver, wanted, args));
        Self::Values(Values {
            driver,
            list: values,
            count,
            of_kinds: of_kinds.join(" AND "),
            kinds: None,
        })
    }

    /// The same where each value has little: then all of it is read at once, not each kind.
    pub fn of_sparse(driver: Driver, wanted: &Wanted, args: &mut Args) -> Self {
        let kinds = wanted.filter.kinds.as_ref().map_or(0, Vec::len);
        let count = driver.count(wanted.filter);
        if count < MANY || !(2..=KINDS).contains(&kinds) {
            return Self::of(driver, wanted, args);
        }
        let values = driver.values(wanted, args);
        let list = args.kinds(wanted).unwrap_or_default();
        Self::Values(Values {
            driver,
            list: values,
            count,
            of_kinds: Args::one_of("x.kind", &list, kinds),
            kinds: Some(list),
        })
    }

    fn new(slots: String, count: usize) -> Self {
        if count <= FEW {
            Self::Few(slots)
        } else {
            Self::Many { slots, count }
        }
    }

    /// None of them, unless a condition without columns holds. A few, or one, stay.
    pub fn only_if(self, condition: &str) -> Self {
        match self {
            Self::Many { slots, count } => Self::Many {
                slots: format!("SELECT * FROM ({slots}) a WHERE {condition}"),
                count,
            },
            Self::Values(values) => Self::Values(Values {
                list: format!("CASE WHEN {condition} THEN {} END", values.list),
                ..values
            }),
            few => few,
        }
    }

    /// The slots alone.
    pub fn into_select(self) -> String {
        match self {
            Self::One => "SELECT NULL::int4 AS v, NULL::int4 AS kind".to_owned(),
            Self::Few(slots) | Self::Many { slots, .. } => slots,
            Self::Values(values) => {
                let source = format!("unnest({}) v", values.list);
                values.with_kinds(&source)
            }
        }
    }
}

/// Only kinds that the other tags occur with, which are looked up once and may save the whole scan of a slot.
fn common_kinds(driver: Driver, wanted: &Wanted, args: &mut Args) -> Vec<String> {
    let tags = wanted.filter.tags.iter().enumerate();
    let others = tags.filter(|(place, tag)| driver != Driver::Tag(*place) && tag.values.len() <= COMMON);
    let condition = |(place, tag): (usize, &TagFilter)| {
        let kinds = jump(Driver::Tag(place), &format!("unnest({}) v", args.tag(tag)));
        format!("(x.kind IN (SELECT kind FROM ({kinds}) o)) IS TRUE")
    };
    others.map(condition).collect()
}
