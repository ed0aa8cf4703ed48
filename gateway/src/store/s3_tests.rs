//! The store on a real S3-compatible server (s3s-fs) on loopback.

use std::{net::SocketAddr, os::unix::fs::PermissionsExt as _, path::Path};

use futures::TryStreamExt as _;
use hyper_util::rt::TokioIo;
use s3s::{auth::SimpleAuth, service::S3ServiceBuilder};
use salus_primitives::Moment;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::{
    Entry, Holder, Store, StoreConfig, StoreError, Stored,
    config::S3Config,
    testing::{Paper, T0, THEM, read_all},
};

const MIB: usize = 1 << 20;

/// A server over `folder`, which has a bucket `records`, until the runtime ends.
async fn serve(folder: &Path) -> SocketAddr {
    // The program does so in its `main`.
    let _ = rustls::crypto::ring::default_provider().install_default();
    std::fs::create_dir(folder.join("records")).unwrap();
    let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(folder).unwrap());
    builder.set_auth(SimpleAuth::from_single("key id", "secret"));
    let service = builder.build();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            let service = service.clone();
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new();
                let _ = connection.serve_connection(TokioIo::new(socket), service).await;
            });
        }
    });
    address
}

fn config(address: SocketAddr, folder: &TempDir, secret: &str) -> StoreConfig {
    let credentials_file = folder.path().join(format!("credentials-{secret}"));
    std::fs::write(&credentials_file, format!("key id\n{secret}\n")).unwrap();
    std::fs::set_permissions(&credentials_file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let s3 = S3Config {
        bucket: "records".to_owned(),
        endpoint: Some(format!("http://{address}")),
        region: "us-east-1".to_owned(),
        prefix: Some("hospital/gateway".to_owned()),
        credentials_file,
        allow_http: true,
    };
    StoreConfig { s3: Some(s3), ..StoreConfig::default() }
}

#[tokio::test]
async fn a_bucket_keeps_what_a_folder_keeps() {
    let (disk, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = config(serve(disk.path()).await, &folder, "secret");
    let store = Store::open(&config).await.unwrap();
    // One request, and an upload in three parts.
    let papers = [Paper::new(1, 1_000), Paper::new(2, 17 * MIB)];
    for paper in &papers {
        assert_eq!(paper.upload(&store, T0).await.unwrap(), Stored::New);
        assert!(paper.is_whole_in(&store).await);
        assert_eq!(paper.upload(&store, T0).await.unwrap(), Stored::Repeated);
    }
    let refused = Paper::new(1, 1_000).upload(&store, T0).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
    let large = &papers[1];
    let range = read_all(&store, large.place(), 8 * MIB as u64 - 3..8 * MIB as u64 + 3).await.unwrap();
    assert_eq!(range, large.blob[8 * MIB - 3..8 * MIB + 3]);

    // Broken off in the middle of the parts: nothing to be seen.
    let broken = Paper::new(3, 17 * MIB);
    let mut upload = store.begin(broken.filing).await.unwrap();
    upload.write(broken.blob.slice(..12 * MIB)).await.unwrap();
    drop(upload);
    let mut altered = broken.blob.to_vec();
    altered[9 * MIB] ^= 1;
    let mut upload = store.begin(broken.filing).await.unwrap();
    upload.write(altered.into()).await.unwrap();
    let refused = upload.finish(&broken.wraps, T0).await.unwrap_err();
    assert!(matches!(refused, StoreError::Digest { .. }), "{refused}");
    assert!(matches!(store.meta(broken.place()).await, Err(StoreError::Missing { .. })));

    store.anchored(large.place(), Some(THEM)).await.unwrap();
    store.copied(large.place(), THEM, T0).await.unwrap();
    store.shred(papers[0].place()).await.unwrap();
    // As after a restart.
    let store = Store::open(&config).await.unwrap();
    let mut entries: Vec<Entry> = store.list().try_collect().await.unwrap();
    entries.sort_by_key(|entry| entry.place);
    assert_eq!(entries.iter().map(|entry| entry.shredded).collect::<Vec<_>>(), [true, false]);
    assert_eq!((entries[1].copied.as_slice(), entries[1].anchored), (&[THEM][..], true));
    assert_eq!(store.usage().values().map(|used| used.bytes).sum::<u64>(), large.filing.anchor.size);
    assert!(matches!(store.wrap(papers[0].place(), Holder::Patient).await, Err(StoreError::Shredded { .. })));
    let small = Paper::new(4, 10);
    small.upload(&store, T0).await.unwrap();
    assert!(store.expire(small.place(), T0).await.unwrap());
    assert!(!store.expire(large.place(), Moment(u64::MAX)).await.unwrap());
}

#[tokio::test]
async fn a_bucket_that_refuses_is_an_error_with_its_reason_and_never_absence() {
    let (disk, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let address = serve(disk.path()).await;
    let wrong = Store::open(&config(address, &folder, "wrong")).await.unwrap_err();
    assert!(matches!(&wrong, StoreError::Backend { reason, .. } if reason.contains("SignatureDoesNotMatch")), "{wrong}");

    let config = config(address, &folder, "secret");
    let store = Store::open(&config).await.unwrap();
    let paper = Paper::new(1, 1_000);
    paper.upload(&store, T0).await.unwrap();
    // One byte of the server's own disk.
    let file = disk.path().join(format!("records/hospital/gateway/blobs/{}/blob", paper.place()));
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[500] ^= 4;
    std::fs::write(&file, bytes).unwrap();
    let error = read_all(&store, paper.place(), 0..10).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");

    let loose = config.s3.as_ref().unwrap().credentials_file.clone();
    std::fs::set_permissions(&loose, std::fs::Permissions::from_mode(0o644)).unwrap();
    let refused = Store::open(&config).await.unwrap_err();
    assert!(matches!(&refused, StoreError::Config { reason } if reason.contains("mode")), "{refused}");
}
