//! Tests.

