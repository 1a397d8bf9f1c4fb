use super::*;
use crate::sys::netlink::bytes::reply as message;

const RTM_NEWLINK: u16 = 16;
const SEQUENCE: u32 = 7;

/// The first bytes of the payloads, whether the reply ended, and its completeness; or the error as text.
type Parsed = Result<(Vec<u8>, bool, Completeness), String>;

fn parse(datagrams: &[Vec<u8>]) -> Parsed {
    let mut reply = Reply::new(Request::Links, SEQUENCE);
    let mut payloads = Vec::new();
    let mut ended = false;
    for datagram in datagrams {
        let parsed = reply.parse(datagram, |payload| {
            payloads.push(payload[0]);
            ControlFlow::Continue(())
        });
        ended = parsed.map_err(|error| error.to_string())?.is_break();
    }
    Ok((payloads, ended, reply.completeness))
}

/// Replies of the kernel, and bytes that fuzzing made of them.
#[test]
fn replies() {
    use Completeness::{Complete, Interrupted};
    let part = |byte| message(RTM_NEWLINK, NLM_F_MULTI, SEQUENCE, &[byte]);
    let done = |flags, code: i32| message(NLMSG_DONE, NLM_F_MULTI | flags, SEQUENCE, &code.to_ne_bytes());
    let error =
        |flags, code: i32, rest: &[u8]| message(NLMSG_ERROR, flags, SEQUENCE, &[&code.to_ne_bytes(), rest].concat());
    let explained = [&[0; 16][..], &[8, 0, 1, 0], b"no!\0"].concat();
    let malformed = || Err("the kernel's reply to the request for all links is malformed".to_owned());
    let refused = |why: &str| Err(format!("the kernel refuses the request for all links{why}"));
    for (what, datagrams, expected) in [
        ("nothing", vec![vec![]], Ok((vec![], false, Complete))),
        ("one message alone", vec![message(RTM_NEWLINK, 0, SEQUENCE, &[1])], Ok((vec![1], true, Complete))),
        ("a part", vec![part(1)], Ok((vec![1], false, Complete))),
        (
            "parts in two datagrams, and the end",
            vec![[part(1), part(2)].concat(), [part(3), done(0, 0)].concat()],
            Ok((vec![1, 2, 3], true, Complete)),
        ),
        ("interrupted", vec![[part(1), done(NLM_F_DUMP_INTR, 0)].concat()], Ok((vec![1], true, Interrupted))),
        (
            "a reply to another request",
            vec![[message(RTM_NEWLINK, 0, SEQUENCE - 1, &[9]), part(1)].concat()],
            Ok((vec![1], false, Complete)),
        ),
        ("another type", vec![message(RTM_NEWLINK + 1, 0, SEQUENCE, &[9])], Ok((vec![], false, Complete))),
        ("an error of 0", vec![error(0, 0, &[])], Ok((vec![], true, Complete))),
        ("an error", vec![error(0, -19, &[0; 16])], refused("")),
        ("an error at the end", vec![[part(1), done(0, -19)].concat()], refused("")),
        ("an error with a message", vec![error(NLM_F_ACK_TLVS, -19, &explained)], refused(" (no!)")),
        ("an error whose message is cut off", vec![error(NLM_F_ACK_TLVS, -19, &explained[..20])], refused("")),
        ("the least error number", vec![error(0, i32::MIN, &[])], refused("")),
        ("an error without a number", vec![message(NLMSG_ERROR, 0, SEQUENCE, &[1, 2])], malformed()),
        ("half a header", vec![part(1)[..8].to_vec()], malformed()),
        ("a length past the end", vec![part(1)[..16].to_vec()], malformed()),
    ] {
        assert_eq!(parse(&datagrams), expected, "{what}");
    }
}
