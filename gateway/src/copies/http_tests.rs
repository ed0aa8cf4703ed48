//! What comes from another gateway and does not read.

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _, stream};

use super::{PeerError, Place, WrapsBody, places, read_wrap};
use crate::store::testing::{Paper, THEM};

async fn listed(pieces: &[&str]) -> Result<Vec<Place>, PeerError> {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok(Bytes::copy_from_slice(piece.as_bytes()))).collect();
    places(THEM, stream::iter(pieces).boxed()).try_collect().await
}

#[tokio::test]
async fn a_list_of_records_reads_in_any_pieces_and_only_whole() {
    let [one, two] = [1, 2].map(|n| Paper::new(n, 1).place());
    let text = format!("{one}\n{two}\nend\n");
    for cut in 0..text.len() {
        assert_eq!(listed(&[&text[..cut], &text[cut..]]).await.unwrap(), [one, two]);
    }
    assert_eq!(listed(&["end\n"]).await.unwrap(), []);
    for broken in [String::new(), format!("{one}\n"), format!("{one}\nend"), "x\nend\n".to_owned(), "x".repeat(200)] {
        let error = listed(&[&broken]).await.unwrap_err();
        assert!(matches!(error, PeerError::Unreachable { organisation: THEM, .. }), "{broken}");
    }
}

#[test]
fn wraps_read_back_and_no_receipts_wrap_does() {
    let wraps = Paper::new(1, 1).wraps;
    let body = WrapsBody::of(&wraps);
    assert_eq!(body.read(), Some(wraps));
    let text = body.wraps[0].clone();
    for other in [text.replace("patient", "receipt-1"), text.replace('.', ""), format!("{text}00"), "patient.zz".into()]
    {
        assert_eq!(read_wrap(&other), None, "{other}");
    }
}
