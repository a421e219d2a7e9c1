//! feed-service
