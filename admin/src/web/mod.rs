//! What pages are made of: the frame around them, forms, messages, cookies, headers, static files.

mod assets;
mod chart;
mod cookies;
mod failure;
mod flash;
mod frame;
mod headers;
mod indented;
mod live;
mod moment;
mod numbers;
mod paging;
mod posted;
mod problems;
mod section;
mod theme;
mod visit;

pub use assets::{asset, routes as asset_routes};
pub use chart::{Chart, POINTS, Series};
pub use cookies::{Cookie, read_cookie};
pub use failure::{PageError, error_page};
pub use flash::{Flash, Then, local_path};
pub use frame::{Frame, render};
pub use headers::secure;
pub use indented::indented;
pub use live::{Moved, live};
pub use moment::{Ago, Moment, bytes, grouped};
pub use numbers::{compact, duration};
pub use paging::Paging;
pub use posted::Posted;
pub use problems::{Problems, problem};
pub use section::Section;
pub use theme::{Theme, routes as theme_routes};
pub use visit::Visit;
