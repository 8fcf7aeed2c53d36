//! Output files appear whole or not at all.

use std::fs;
use std::io::Read;
use std::path::Path;

use crate::cli::capture::error::CaptureErrorKind;
use crate::cli::capture::{CaptureError, Output};

fn write(path: &Path, bytes: &[u8]) -> Result<(), CaptureError> {
    let mut output = Output::create(path)?;
    output.write(bytes)?;
    output.finish()
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}

#[test]
fn nothing_is_there_before_it_is_finished() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    let mut output = Output::create(&path).unwrap();
    output.write(b"new").unwrap();
    assert!(output.temporary().is_some_and(Path::exists) && !path.exists());
    output.finish().unwrap();
    assert_eq!((fs::read(&path).unwrap(), entries(directory.path())), (b"new".to_vec(), 1));
}

#[test]
fn without_finish_the_old_file_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    fs::write(&path, "old").unwrap();
    Output::create(&path).unwrap().write(b"new").unwrap();
    assert_eq!((fs::read(&path).unwrap(), entries(directory.path())), (b"old".to_vec(), 1));
}

#[test]
fn one_of_many_is_open_only_while_it_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("out");
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    let mut output = Output::create_one_of(usize::MAX, &path).unwrap();
    // More than a buffer at once, too.
    let (head, tail) = content.split_at(10_000);
    head.chunks(77).chain([tail]).for_each(|bytes| output.write(bytes).unwrap());
    output.flush().unwrap();
    let temporary = output.temporary().unwrap();
    assert_eq!((fs::read(temporary).unwrap().len(), path.exists()), (content.len(), false));
    output.finish().unwrap();
    assert_eq!((fs::read(&path).unwrap() == content, entries(directory.path())), (true, 1));
}

#[test]
fn a_missing_directory_is_an_error() {
    let error = write(Path::new("/nonexistent/out"), b"").unwrap_err();
    assert!(error.to_string().starts_with("cannot create /nonexistent/out: No such file or directory"), "{error}");
}

#[cfg(unix)]
mod unix {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn permissions_are_those_of_any_new_file_or_of_the_old_one() {
        let directory = tempfile::tempdir().unwrap();
        let (path, plain) = (directory.path().join("out"), directory.path().join("plain"));
        fs::write(&plain, "").unwrap();
        write(&path, b"").unwrap();
        assert_eq!(mode(&path), mode(&plain));
        fs::set_permissions(&path, PermissionsExt::from_mode(0o640)).unwrap();
        write(&path, b"again").unwrap();
        assert_eq!(mode(&path), 0o640);
    }

    #[test]
    fn links_are_followed_even_to_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        symlink("sub/link", at("out")).unwrap();
        symlink(at("target"), at("sub/link")).unwrap();
        for bytes in [b"first", b"later"] {
            write(&at("out"), bytes).unwrap();
            assert_eq!(fs::read(at("target")).unwrap(), bytes);
            assert!(at("out").is_symlink() && at("sub/link").is_symlink());
        }
    }

    #[test]
    fn a_loop_of_links_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("out");
        symlink("out", &path).unwrap();
        assert!(matches!(write(&path, b""), Err(CaptureError { kind: CaptureErrorKind::Create(_), .. })));
    }

    #[test]
    fn a_pipe_is_written_directly() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pipe");
        if !std::process::Command::new("mkfifo").arg(&path).status().is_ok_and(|status| status.success()) {
            return;
        }
        let reader = std::thread::spawn({
            let path = path.clone();
            move || {
                let mut bytes = Vec::new();
                fs::File::open(path).unwrap().read_to_end(&mut bytes).unwrap();
                bytes
            }
        });
        let mut output = Output::create(&path).unwrap();
        assert!(output.temporary().is_none());
        output.write(b"through").unwrap();
        output.finish().unwrap();
        assert_eq!(reader.join().unwrap(), b"through");
    }

    #[test]
    fn a_reader_that_goes_away_is_a_broken_pipe() {
        let (reader, writer) = std::io::pipe().unwrap();
        let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&writer));
        let Ok(mut output) = Output::create(Path::new(&path)) else { return };
        drop((reader, writer));
        output.write(b"too late").unwrap();
        assert!(output.finish().unwrap_err().is_broken_pipe());
    }

    #[test]
    fn a_full_disk_is_an_error() {
        if let Ok(mut output) = Output::create(Path::new("/dev/full")) {
            output.write(b"too much").unwrap();
            assert!(matches!(output.finish(), Err(CaptureError { kind: CaptureErrorKind::Write(_), .. })));
        }
    }
}
