//! hansa
