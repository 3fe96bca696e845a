import Testing

@testable import AsyncMitogen

/// A value as three producers write it: Python 2 in Python (as 2.4 does too), Python 2 in C, and Python 3.
struct ForeignPickle: Sendable, CustomTestStringConvertible {
  let kind: String
  let value: PickledValue
  let pickles: [String]
  var testDescription: String { kind }

  init(_ kind: String, _ value: PickledValue, _ pickles: [String]) {
    self.kind = kind
    self.value = value
    self.pickles = pickles
  }
}

/// Every kind of value that Mitogen sends, from every Python that it runs on.
struct ForeignPickleTests {
  static let all: [ForeignPickle] = [
    ForeignPickle(
      "bytes", .bytes(Array("test".utf8)),
      [
        "80 02 55 04 \"test\" 71 00 2e",
        "80 02 55 04 \"test\" 71 01 2e",
        "80 02 63 \"_codecs¶encode¶\" 71 00 58 04 00 00 00 \"test\" 71 01 58 06 00 00 00 \"latin1\" 71 02 86 71 "
          + "03 52 71 04 2e",
      ]),
    ForeignPickle(
      "unicode", "test",
      [
        "80 02 58 04 00 00 00 \"test\" 71 00 2e",
        "80 02 58 04 00 00 00 \"test\" 71 01 2e",
        "80 02 58 04 00 00 00 \"test\" 71 00 2e",
      ]),
    ForeignPickle(
      "int", 123,
      [
        "80 02 4b 7b 2e",
        "80 02 4b 7b 2e",
        "80 02 4b 7b 2e",
      ]),
    ForeignPickle(
      "long", 17_592_186_044_415,
      [
        "80 02 8a 06 ff ff ff ff ff 0f 2e",
        "80 02 8a 06 ff ff ff ff ff 0f 2e",
        "80 02 8a 06 ff ff ff ff ff 0f 2e",
      ]),
    ForeignPickle(
      "dict", .dictionary([]),
      [
        "80 02 7d 71 00 2e",
        "80 02 7d 71 01 2e",
        "80 02 7d 71 00 2e",
      ]),
    ForeignPickle(
      "tuple", .tuple([1, 2, "b"]),
      [
        "80 02 4b 01 4b 02 58 01 00 00 00 62 71 00 87 71 01 2e",
        "80 02 4b 01 4b 02 58 01 00 00 00 62 87 71 01 2e",
        "80 02 4b 01 4b 02 58 01 00 00 00 62 71 00 87 71 01 2e",
      ]),
    ForeignPickle(
      "bool", true,
      [
        "80 02 88 2e",
        "80 02 88 2e",
        "80 02 88 2e",
      ]),
    ForeignPickle(
      "list", [1, 2, "b"],
      [
        "80 02 5d 71 00 28 4b 01 4b 02 58 01 00 00 00 62 71 01 65 2e",
        "80 02 5d 71 01 28 4b 01 4b 02 58 01 00 00 00 62 65 2e",
        "80 02 5d 71 00 28 4b 01 4b 02 58 01 00 00 00 62 71 01 65 2e",
      ]),
    ForeignPickle(
      "blob", .blob(Array("dave".utf8)),
      [
        "80 02 63 \"mitogen.core¶Blob¶\" 71 00 55 04 \"dave\" 71 01 85 71 02 52 71 03 2e",
        "80 02 63 \"mitogen.core¶Blob¶\" 71 01 55 04 \"dave\" 85 52 71 02 2e",
        "80 02 63 \"mitogen.core¶Blob¶\" 71 00 63 \"_codecs¶encode¶\" 71 01 58 04 00 00 00 \"dave\" 71 02 58 06 00 "
          + "00 00 \"latin1\" 71 03 86 71 04 52 71 05 85 71 06 52 71 07 2e",
      ]),
    ForeignPickle(
      "secret", .secret("dave"),
      [
        "80 02 63 \"mitogen.core¶Secret¶\" 71 00 58 04 00 00 00 \"dave\" 71 01 85 71 02 52 71 03 2e",
        "80 02 63 \"mitogen.core¶Secret¶\" 71 01 58 04 00 00 00 \"dave\" 85 52 71 02 2e",
        "80 02 63 \"mitogen.core¶Secret¶\" 71 00 58 04 00 00 00 \"dave\" 71 01 85 71 02 52 71 03 2e",
      ]),
    ForeignPickle(
      "callerror", .callError("big error"),
      [
        "80 02 63 \"mitogen.core¶_unpickle_call_error¶\" 71 00 58 09 00 00 00 \"big error\" 71 01 85 71 02 52 71 03 2e",
        "80 02 63 \"mitogen.core¶_unpickle_call_error¶\" 71 01 58 09 00 00 00 \"big error\" 71 02 85 71 03 52 71 04 2e",
        "80 02 63 \"mitogen.core¶_unpickle_call_error¶\" 71 00 58 09 00 00 00 \"big error\" 71 01 85 71 02 52 71 03 2e",
      ]),
    ForeignPickle(
      "context", .context(id: 1_234, name: nil),
      [
        "80 02 63 \"mitogen.core¶_unpickle_context¶\" 71 00 4d d2 04 4e 86 71 01 52 71 02 2e",
        "80 02 63 \"mitogen.core¶_unpickle_context¶\" 71 01 4d d2 04 4e 86 71 02 52 71 03 2e",
        "80 02 63 \"mitogen.core¶_unpickle_context¶\" 71 00 4d d2 04 4e 86 71 01 52 71 02 2e",
      ]),
    ForeignPickle(
      "sender", .sender(context: 55_555, handle: 4_444),
      [
        "80 02 63 \"mitogen.core¶_unpickle_sender¶\" 71 00 4d 03 d9 4d 5c 11 86 71 01 52 71 02 2e",
        "80 02 63 \"mitogen.core¶_unpickle_sender¶\" 71 01 4d 03 d9 4d 5c 11 86 71 02 52 71 03 2e",
        "80 02 63 \"mitogen.core¶_unpickle_sender¶\" 71 00 4d 03 d9 4d 5c 11 86 71 01 52 71 02 2e",
      ]),
  ]

  @Test(arguments: all) func `each Python's form of a value is read`(foreign: ForeignPickle) throws {
    #expect(foreign.pickles.count == 3)
    for pickle in foreign.pickles {
      #expect(try Unpickled(PickleVectorTests.bytes(pickle)).root.value == foreign.value, "\(pickle)")
    }
  }
}
