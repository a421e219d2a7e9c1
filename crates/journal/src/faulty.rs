//! A faulty journal.
