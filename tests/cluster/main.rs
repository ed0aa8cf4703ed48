//! Real nodes under bad input, bad disks and bad ends.

mod node;
