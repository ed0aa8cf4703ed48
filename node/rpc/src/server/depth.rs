//! How deep JSON is nested, told without parsing it.

/// Is any value in `json` nested deeper than `max` levels? Text that is no JSON gets some answer; parsing refuses it.
pub(super) fn is_deeper_than(json: &[u8], max: usize) -> bool {
    let mut depth = 0usize;
    let mut bytes = json.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                if depth > max {
                    return true;
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => _ = bytes.next(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_allowed_and_one_more_is_not() {
        let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert!(!is_deeper_than(nested(16).as_bytes(), 16));
        assert!(is_deeper_than(nested(17).as_bytes(), 16));
    }

    #[test]
    fn brackets_inside_a_text_do_not_count() {
        assert!(!is_deeper_than(br#"["[[[[\"[[[["]"#, 1));
        assert!(is_deeper_than(br#"["\\",[]]"#, 1));
    }

    #[test]
    fn neighbours_do_not_add_up() {
        assert!(!is_deeper_than(br#"[{"a":[]},{"a":[]}]"#, 3));
    }
}
