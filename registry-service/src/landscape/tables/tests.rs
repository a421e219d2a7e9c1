//! Tables against a naive recount.
