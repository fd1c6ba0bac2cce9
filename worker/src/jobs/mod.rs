//! One job a file; what it does when it runs twice stands with it.

mod authorization_request;
mod count_request;
mod import;
mod maintenance;
mod management_call;
mod new_event;
mod new_subscription;
mod reconcile;

pub use authorization_request::authorization_request;
pub use count_request::count_request;
pub use import::import;
pub use maintenance::maintenance;
pub use management_call::management_call;
pub use new_event::new_event;
pub use new_subscription::{new_search, new_subscription};
pub use reconcile::reconcile;
