//! The files of what is owed.

use super::*;

fn due(entry: u8) -> Due {
    Due { patient: PatientId([7; 16]), receipt: 3, entry, record: RecordId([9; 16]) }
}

fn open(folder: &Path) -> Result<Arc<Reports>, ReportsError> {
    Reports::open(folder).map(Arc::new)
}

#[tokio::test]
async fn what_is_owed_is_owed_again_after_a_restart_until_it_is_settled() {
    let folder = tempfile::tempdir().unwrap();
    let reports = open(folder.path()).unwrap();
    for entry in [0, 63, 0] {
        reports.owe(due(entry)).await.unwrap();
    }
    assert_eq!(reports.len(), 2);
    let again = open(folder.path()).unwrap();
    assert_eq!(again.by_receipt(), [((PatientId([7; 16]), 3), vec![due(0), due(63)])].into());
    again.settle(&[due(0)]).unwrap();
    again.settle(&[due(0)]).unwrap();
    let last = open(folder.path()).unwrap();
    assert_eq!(*last.lock(), [due(63)].into());
}

#[tokio::test]
async fn a_file_half_written_when_it_was_killed_is_owed_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let part = folder.path().join(format!("{}.part", "00".repeat(16)));
    fs::write(&part, "0909").unwrap();
    assert!(open(folder.path()).unwrap().is_empty());
    assert!(!part.exists());
}

#[tokio::test]
async fn a_file_that_no_gateway_wrote_stops_the_start_and_is_named() {
    let (patient, record) = ("07".repeat(16), "09".repeat(16));
    for (name, content) in [
        ("readme", format!("{record}\n")),
        (&*format!("{patient}-3-64"), format!("{record}\n")),
        (&*format!("{patient}-03-0"), format!("{record}\n")),
        (&*format!("{patient}-3-0-0"), format!("{record}\n")),
        (&*format!("{patient}-3-0"), record.clone()),
        (&*format!("{patient}-3-0"), String::new()),
    ] {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(name), content).unwrap();
        let error = open(folder.path()).unwrap_err();
        assert!(matches!(&error, ReportsError::Unknown { path } if path.ends_with(name)), "{error}");
    }
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_owed() {
    let folder = tempfile::tempdir().unwrap();
    let reports = open(folder.path()).unwrap();
    fs::remove_dir(folder.path()).unwrap();
    assert!(matches!(reports.owe(due(0)).await, Err(ReportsError::Io { .. })));
    assert!(reports.is_empty());
}
