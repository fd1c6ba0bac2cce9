//! The words and marks of an event as Postgres receives a `tsvector`: in binary, which it need not parse.

use protocol::{
    Kind,
    search::{Place, Searchable, Weight},
};
use sqlx::{
    Encode, Postgres, Type,
    encode::IsNull,
    error::BoxDynError,
    postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, types::Oid},
};

use super::marks;

/// What an event is found by: the number of lexemes, and of each its bytes, a zero, the number of its positions and these.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TsVector(Vec<u8>);

/// What an event is found by. Its authors are who signed it and whom it was signed for.
pub(super) fn tsvector(
    searchable: &Searchable,
    authors: impl Iterator<Item = i32>,
    kind: Kind,
    created_at: i64,
) -> TsVector {
    let mut marks: Vec<String> = marks::times(created_at)
        .chain(authors.map(marks::author))
        .chain([marks::kind(kind)])
        .collect();
    if searchable.has_warning() {
        marks.push(marks::WARNING.to_owned());
    }
    let marks = marks.iter().map(|mark| (mark.as_str(), &[][..]));
    let mut lexemes: Vec<_> = marks.chain(searchable.words()).collect();
    // Each once (who signs for himself is both authors), in the order of their bytes, which Postgres wants.
    lexemes.sort_unstable_by_key(|(lexeme, _)| *lexeme);
    lexemes.dedup_by_key(|(lexeme, _)| *lexeme);
    TsVector::of(&lexemes)
}

impl TsVector {
    fn of(lexemes: &[(&str, &[Place])]) -> Self {
        // `Searchable` holds some thousand words with 255 places each at most.
        let mut bytes = u32::try_from(lexemes.len())
            .unwrap_or(u32::MAX)
            .to_be_bytes()
            .to_vec();
        for (lexeme, places) in lexemes {
            bytes.extend_from_slice(lexeme.as_bytes());
            bytes.push(0);
            bytes.extend_from_slice(&u16::try_from(places.len()).unwrap_or(u16::MAX).to_be_bytes());
            for place in *places {
                bytes.extend_from_slice(&position(*place).to_be_bytes());
            }
        }
        Self(bytes)
    }
}

/// The weight in the upper two bits, from D, which is 0, to A.
fn position(place: Place) -> u16 {
    let weight = match place.weight {
        Weight::Title => 3,
        Weight::Summary => 2,
        Weight::Text => 0,
    };
    weight << 14 | place.position
}

// The numbers that every Postgres has for these types (pg_type.dat).
impl Type<Postgres> for TsVector {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(3614))
    }
}

impl PgHasArrayType for TsVector {
    fn array_type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(3643))
    }
}

impl Encode<'_, Postgres> for TsVector {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(&self.0);
        Ok(IsNull::No)
    }
}
