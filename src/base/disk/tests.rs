//! What every disk must do.

use super::{Disk, LocalDisk, MemoryDisk};

fn write(disk: &dyn Disk, path: &str, bytes: &[u8]) {
    let mut file = disk.create(path).unwrap();
    file.write(bytes).unwrap();
    assert_eq!(file.position(), bytes.len() as u64);
    file.finish().unwrap();
}

fn check(disk: &dyn Disk) {
    assert_eq!(disk.list("").unwrap(), [""; 0]);
    disk.create_folder("tmp/part").unwrap();
    write(disk, "tmp/part/a", b"granary");
    write(disk, "tmp/part/b", b"");
    assert!(disk.create("tmp/part/a").is_err());
    assert!(disk.open("tmp/part").is_err() && disk.open("tmp/part/c").is_err());
    assert_eq!(disk.list("tmp").unwrap(), ["part"]);
    assert_eq!(disk.list("tmp/part").unwrap(), ["a", "b"]);
    disk.create_folder("parts").unwrap();
    disk.rename("tmp/part", "parts/1").unwrap();
    disk.sync_folder("parts").unwrap();
    assert!(disk.rename("tmp/part", "parts/2").is_err());
    assert_eq!(disk.list("tmp").unwrap(), [""; 0]);
    assert_eq!(disk.size("parts/1/a").unwrap(), Some(7));
    assert_eq!(disk.size("tmp/part/a").unwrap(), None);
    let open = disk.open("parts/1/a").unwrap();
    assert_eq!((open.size(), &open.read(2, 3).unwrap()[..]), (7, &b"ana"[..]));
    assert!(open.read(5, 3).is_err() && open.read(u64::MAX, 1).is_err());
    open.release(2, 3);
    open.release(5, usize::MAX);
    open.release(u64::MAX, 1);
    assert_eq!(&open.read(0, 7).unwrap()[..], b"granary");
    disk.remove("parts/1").unwrap();
    disk.remove("parts/1").unwrap();
    assert_eq!(disk.list("parts").unwrap(), [""; 0]);
    // Who has a file open reads it to the end.
    assert_eq!(&open.read(0, 7).unwrap()[..], b"granary");
}

#[test]
fn disks_keep_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    check(&LocalDisk::new(folder.path().join("data")).unwrap());
    check(&MemoryDisk::new());
}

#[test]
fn memory_is_shared_not_copied() {
    let disk = MemoryDisk::new();
    write(&disk, "a", &[7; 1000]);
    let (one, other) = (disk.open("a").unwrap(), disk.open("a").unwrap());
    assert_eq!(one.read(0, 9).unwrap().as_ptr(), other.read(0, 9).unwrap().as_ptr());
}

#[test]
fn pages_are_given_back_after_many_bytes_were_read() {
    let folder = tempfile::tempdir().unwrap();
    let disk = LocalDisk::new(folder.path()).unwrap();
    let bytes: Vec<u8> = (0..8 << 20).map(|i: u32| (i % 251) as u8).collect();
    write(&disk, "large", &bytes);
    write(&disk, "other", &bytes);
    let (large, other) = (disk.open("large").unwrap(), disk.open("other").unwrap());
    let held = other.read(0, bytes.len()).unwrap();
    // More than are mapped at once, several times.
    for _ in 0..100 {
        assert!(large.read(0, bytes.len()).unwrap() == bytes);
    }
    assert!(held == bytes, "bytes that are held stay right");
}
