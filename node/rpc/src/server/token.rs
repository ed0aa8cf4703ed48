//! The bearer token that opens the server to callers beyond this machine.

use salus_primitives::{Hash, crypto::sha256};

/// Fewest characters of a token: 32 hex digits are 128 bits.
pub const TOKEN_CHARS_MIN: usize = 32;

/// The SHA-256 of a token: enough to compare, and nothing to leak. Comparing hashes tells a guesser nothing by the
/// time it takes.
#[derive(Clone)]
pub struct Token(Hash);

/// Why a text is no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Too short to be unguessable.
    #[error("the token has {found} characters, at least {TOKEN_CHARS_MIN} are needed: take 32 random bytes in hex")]
    Short {
        /// How many it has.
        found: usize,
    },
    /// Something that cannot stand in a header.
    #[error("the token has a space or a character that cannot stand in a header: take 32 random bytes in hex")]
    Characters,
}

impl Token {
    /// The token of a text.
    ///
    /// # Errors
    /// [`TokenError`].
    pub fn new(text: &str) -> Result<Self, TokenError> {
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(TokenError::Characters);
        }
        if text.len() < TOKEN_CHARS_MIN {
            return Err(TokenError::Short { found: text.len() });
        }
        Ok(Self(sha256(text.as_bytes())))
    }

    /// Is this `Authorization` header this token's?
    pub(super) fn opens(&self, header: Option<&[u8]>) -> bool {
        let Some((scheme, text)) = header.and_then(|header| header.split_at_checked(7)) else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && sha256(text) == self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "0123456789abcdef0123456789abcdef";

    #[test]
    fn a_token_opens_to_itself_and_to_nothing_else() {
        let token = Token::new(TEXT).unwrap();
        assert!(token.opens(Some(format!("Bearer {TEXT}").as_bytes())));
        assert!(token.opens(Some(format!("bearer {TEXT}").as_bytes())));
        for wrong in [format!("Bearer {TEXT}0"), format!("Basic  {TEXT}"), TEXT.to_owned(), String::new()] {
            assert!(!token.opens(Some(wrong.as_bytes())), "{wrong}");
        }
        assert!(!token.opens(None));
    }

    #[test]
    fn a_guessable_token_is_refused() {
        assert_eq!(Token::new(&TEXT[1..]).unwrap_err(), TokenError::Short { found: 31 });
        assert_eq!(Token::new(&format!("{TEXT} ")).unwrap_err(), TokenError::Characters);
    }

    #[test]
    fn debug_does_not_show_the_token() {
        assert_eq!(format!("{:?}", Token::new(TEXT).unwrap()), "Token");
    }
}
