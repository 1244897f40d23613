//! SCIM 2.0 (RFC 7643, RFC 7644): an identity provider looks after people and firms. A group is a firm; a user
//! in no group exists and is inactive; nobody is in two.

mod discovery;
mod error;
mod filter;
mod groups;
mod list;
mod narrow;
mod patch;
mod resource;
mod root;
mod users;

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};

pub use error::of_problems;

use crate::access::Doorstep;

/// The addresses below `/scim/v2`.
pub fn router() -> Router<Arc<Doorstep>> {
    Router::new()
        .route("/scim/v2/Users", get(users::list).post(users::add))
        .route(
            "/scim/v2/Users/{id}",
            get(users::show)
                .put(users::replace)
                .patch(users::change)
                .delete(users::remove),
        )
        .route("/scim/v2/Groups", get(groups::list).post(groups::add))
        .route(
            "/scim/v2/Groups/{id}",
            get(groups::show)
                .put(groups::replace)
                .patch(groups::change)
                .delete(groups::remove),
        )
        .route("/scim/v2/.search", post(root::search))
        .route("/scim/v2/Users/.search", post(users::list))
        .route("/scim/v2/Groups/.search", post(groups::list))
        .route("/scim/v2/Bulk", any(discovery::not_offered))
        .route("/scim/v2/Me", any(discovery::not_offered))
        .route("/scim/v2/ServiceProviderConfig", get(discovery::provider))
        .route("/scim/v2/ResourceTypes", get(discovery::resource_types))
        .route("/scim/v2/ResourceTypes/{id}", get(discovery::resource_type))
        .route("/scim/v2/Schemas", get(discovery::schemas))
        .route("/scim/v2/Schemas/{id}", get(discovery::schema))
}
