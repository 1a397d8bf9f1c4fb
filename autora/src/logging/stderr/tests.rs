use std::{io::Read, os::unix::fs::FileTypeExt};

use super::*;

/// Returns the reader of a pipe, and an output to it that is never waited for.
fn pipe() -> (io::PipeReader, Output, io::PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let output = Output::new(Way::to(writer.as_fd()));
    assert!(matches!(output.way, Way::Reopened(_)), "{output:?}");
    (reader, output, writer)
}

#[test]
fn a_full_pipe_takes_nothing_and_no_line_is_torn() {
    let (mut reader, mut output, writer) = pipe();
    // Longer than PIPE_BUF, so that the kernel takes a part of one.
    let line = [vec![b'x'; PIPE_BUF + 905], vec![b'\n']].concat();
    let mut accepted = 0;
    while output.offer(&line) {
        accepted += 1;
    }
    assert!(accepted > 1 && !output.rest.is_empty(), "{accepted} lines, {} bytes left", output.rest.len());
    let mut some = vec![0; (accepted - 1) * line.len()];
    reader.read_exact(&mut some).unwrap();
    assert!(output.offer(&line), "there is room again");
    drop((output, writer));
    let mut read = some;
    reader.read_to_end(&mut read).unwrap();
    // The last line still waits for room in part.
    assert!(read.len() > accepted * line.len() && line.repeat(accepted + 1).starts_with(&read), "{}", read.len());
}

#[test]
fn the_flags_of_the_description_that_others_share_stay() {
    let (_reader, _output, writer) = pipe();
    let flags = nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_GETFL).unwrap();
    assert_eq!(flags & libc::O_NONBLOCK, 0);
}

#[test]
fn each_kind_of_file_has_its_way() {
    let file = tempfile::tempfile().unwrap();
    assert!(matches!(Way::to(file.as_fd()), Way::Plain));
    let (socket, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(matches!(Way::to(socket.as_fd()), Way::Socket));
    let null = File::options().write(true).open("/dev/null").unwrap();
    assert!(null.metadata().unwrap().file_type().is_char_device());
    assert!(matches!(Way::to(null.as_fd()), Way::Reopened(_)));
}
