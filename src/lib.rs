//! Watches the mail servers of many domains.
