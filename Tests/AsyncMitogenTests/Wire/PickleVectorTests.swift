import Testing

@testable import AsyncMitogen

/// Pickles as other programs write them: what Mitogen sends, of Python 2 and 3.
struct PickleVectorTests {
  /// Bytes from hexadecimal digits; text in quotes stands for itself, `\n` in it for a new line.
  static func bytes(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var isQuoted = false
    var digits = ""
    func flush() {
      var rest = digits[...]
      while rest.count >= 2 {
        if let byte = UInt8(rest.prefix(2), radix: 16) { bytes.append(byte) }
        rest = rest.dropFirst(2)
      }
      digits = ""
    }
    for character in text {
      if character == "\"" {
        flush()
        isQuoted.toggle()
      } else if isQuoted {
        bytes += character == "¶" ? [10] : Array(String(character).utf8)
      } else if character.isHexDigit {
        digits.append(character)
      }
    }
    flush()
    return bytes
  }

  static let vectors: [(String, PickledValue)] = [
    // A call of os.getpid, and replies.
    (
      "80 02 28 4e 58 05000000 \"posix\" 71 00 4e 58 06000000 \"getpid\" 71 01 29 63 \"mitogen.core¶Kwargs¶\" 71 02 7d 71 03 "
        + "85 71 04 52 71 05 74 71 06 2e",
      .tuple([.none, "posix", .none, "getpid", .tuple([]), .keywords([])])
    ),
    ("80 02 4d 0d29 2e", 10_509),
    (
      "80 02 63 \"mitogen.core¶_unpickle_call_error¶\" 71 00 58 7e000000 "
        + "\"builtins.FileNotFoundError: [Errno 2] No such file or directory: '/nonexistent'¶  File \" 22 \"<stdin>\" 22 \", line 4009, in _dispatch_one¶\" "
        + "71 01 85 71 02 52 71 03 2e",
      .callError(
        "builtins.FileNotFoundError: [Errno 2] No such file or directory: '/nonexistent'\n"
          + "  File \"<stdin>\", line 4009, in _dispatch_one\n")
    ),
    // A block of identifiers, and modules that are not there.
    ("80 02 4b 02 4d ea03 86 71 00 2e", .tuple([2, 1_002])),
    (
      "80 02 28 58 07000000 \"_winapi\" 71 00 4e 4e 4e 29 74 71 01 2e",
      .tuple(["_winapi", .none, .none, .none, .tuple([])])
    ),
    // A blob through text of as many characters.
    (
      "80 02 63 \"mitogen.core¶Blob¶\" 71 03 63 \"_codecs¶encode¶\" 71 04 58 05000000 78 c39a c28b 71 05 58 06000000 "
        + "\"latin1\" 71 06 86 71 07 52 71 08 85 71 09 52 71 0a 2e", .blob([0x78, 0xda, 0x8b])
    ),
    (
      "80 02 63 \"mitogen.core¶_unpickle_sender¶\" 71 02 4b 00 4d ef03 86 71 03 52 71 04 2e",
      .sender(context: 0, handle: 1_007)
    ),
    ("80 02 54 05000000 \"bytes\" 2e", .bytes(Array("bytes".utf8))),
    (
      "80 02 63 \"mitogen.core¶_unpickle_context¶\" 71 02 4b 01 58 02000000 \"c1\" 71 03 86 71 04 52 71 05 2e",
      .context(id: 1, name: "c1")
    ),
    ("80 02 63 \"mitogen.core¶Secret¶\" 71 02 58 02000000 \"pw\" 71 03 85 71 04 52 71 05 2e", .secret("pw")),
    // A service call.
    (
      "80 02 58 0a000000 \"pkgmod.Svc\" 71 00 58 05000000 \"hello\" 71 01 63 \"mitogen.core¶Kwargs¶\" 71 02 7d 71 03 "
        + "58 01000000 \"x\" 71 04 4b 01 73 85 71 05 52 71 06 87 71 07 2e",
      .tuple(["pkgmod.Svc", "hello", .keywords([.init("x", 1)])])
    ),
    // What Python 2.7 returns.
    (
      "80 02 5d 71 01 28 55 05 \"bytes\" 71 02 58 03000000 \"uni\" 71 03 4b 01 49 \"1099511627776¶\" 4e 88 4b 01 4b 02 86 "
        + "71 04 7d 71 05 55 01 \"k\" 58 01000000 \"v\" 73 47 3ff8000000000000 65 2e",
      [
        .bytes(Array("bytes".utf8)), "uni", 1, 1_099_511_627_776, .none, true, .tuple([1, 2]),
        .dictionary([.init(.bytes([0x6b]), "v")]), 1.5,
      ]
    ),
    // A call with nested bytes, empty bytes, a floating-point and a negative number.
    (
      "80 02 28 4e 58 06000000 \"pkgmod\" 71 00 4e 58 04000000 \"echo\" 71 01 28 "
        + "63 \"_codecs¶encode¶\" 71 02 58 02000000 \"xx\" 71 03 58 06000000 \"latin1\" 71 04 86 71 05 52 71 06 58 02000000 \"yy\" 71 07 4b 01 4e 88 5d 71 08 "
        + "47 3ff8000000000000 61 7d 71 09 58 01000000 \"a\" 71 0a 63 \"__builtin__¶bytes¶\" 71 0b 29 52 71 0c "
        + "73 74 71 0d 63 \"mitogen.core¶Kwargs¶\" 71 0e 7d 71 0f 58 01000000 \"n\" 71 10 4a ffffffff "
        + "73 85 71 11 52 71 12 74 71 13 2e",
      .tuple([
        .none, "pkgmod", .none, "echo",
        .tuple([
          .bytes([0x78, 0x78]), "yy", 1, .none, true, [1.5], .dictionary([.init("a", .bytes([]))]),
        ]), .keywords([.init("n", -1)]),
      ])
    ),
    // Python 2.4 and 2.7, with memo numbers that begin at 1 or are left out.
    ("80 02 55 04 \"test\" 71 00 2e", .bytes(Array("test".utf8))),
    ("80 02 58 04000000 \"test\" 71 01 2e", "test"),
    ("80 02 4b 7b 2e", 123),
    ("80 02 8a 06 ff ff ff ff ff 0f 2e", 17_592_186_044_415),
    ("80 02 7d 71 01 2e", .dictionary([])),
    ("80 02 4b 01 4b 02 58 01000000 \"b\" 87 71 01 2e", .tuple([1, 2, "b"])),
    ("80 02 88 2e", true),
    ("80 02 63 \"mitogen.core¶Blob¶\" 71 01 55 04 \"dave\" 71 02 85 52 71 03 2e", .blob(Array("dave".utf8))),
    (
      "80 02 63 \"mitogen.core¶_unpickle_context¶\" 71 00 4d d204 4e 86 71 01 52 71 02 2e",
      .context(id: 1_234, name: nil)
    ),
    (
      "80 02 63 \"mitogen.core¶_unpickle_sender¶\" 71 00 4d 03d9 4d 5c11 86 71 01 52 2e",
      .sender(context: 55_555, handle: 4_444)
    ),
    // Other protocols.
    ("28 6c 70 \"0¶\" 49 \"01¶\" 61 49 \"00¶\" 61 4c \"5L¶\" 61 46 \"2.5¶\" 61 2e", [true, false, 5, 2.5]),
    ("80 03 43 02 \"ab\" 71 00 2e", .bytes([0x61, 0x62])),
    ("80 04 95 0600000000000000 8c 02 \"hi\" 94 2e", "hi"),
    ("80 05 95 0800000000000000 5d 94 28 4b 01 4b 02 65 2e", [1, 2]),
    ("80 02 8a 00 2e", 0),
    ("80 02 8a 01 80 2e", -128),
    ("80 02 8a 02 80 00 2e", 128),
    ("80 02 8a 09 00 00 00 00 00 00 00 80 00 2e", .bigInteger([0, 0, 0, 0, 0, 0, 0, 0x80, 0])),
    ("80 02 58 05000000 \"a\" eda080 \"b\" 2e", "a\u{FFFD}\u{FFFD}\u{FFFD}b"),
  ]

  @Test(arguments: vectors.indices) func `a pickle of another program`(index: Int) throws {
    let (text, expected) = Self.vectors[index]
    #expect(try Unpickled(Self.bytes(text)).root.value == expected)
  }

  @Test func `streams of one payload share their memo`() throws {
    let payload = Self.bytes("80 02 58 03000000 \"foo\" 71 00 2e 80 02 68 00 2e")
    #expect(try Unpickled.streams(payload).map(\.value) == ["foo", "foo"])
    let resource = Self.bytes(
      "80 02 58 04000000 \"rpkg\" 71 00 58 08000000 \"data.txt\" 71 01 86 71 02 2e 80 02 54 0a000000 \"resource!¶\" 2e")
    #expect(
      try Unpickled.streams(resource, globals: .denyAll).map(\.value) == [
        .tuple(["rpkg", "data.txt"]), .bytes(Array("resource!\n".utf8)),
      ])
  }

  @Test(arguments: [
    ("80 02 63 \"os¶system¶\" 55 02 \"ls\" 85 52 2e", "cannot unpickle 'os'/'system'"),
    ("80 02 63 \"__builtin__¶set¶\" 29 52 2e", "cannot unpickle '__builtin__'/'set'"),
    ("80 02 63 \"__builtin__¶bytearray¶\" 55 02 \"ab\" 85 52 2e", "cannot unpickle '__builtin__'/'bytearray'"),
    ("80 02 63 \"__builtin__¶complex¶\" 47 0000000000000000 85 52 2e", "cannot unpickle '__builtin__'/'complex'"),
    ("80 02 29 81 2e", "invalid message: opcode 129 is not for data"),
    ("80 02 7d 7d 62 2e", "invalid message: opcode 98 is not for data"),
    ("80 02 2e", "invalid message: nothing is left"),
    ("80 02 65 2e", "invalid message: no mark"),
    ("80 02 4e 61 2e", "invalid message: nothing to add to"),
    ("80 02 4e 4e 61 2e", "invalid message: a value is added to what is not its container"),
    ("80 02 68 05 2e", "invalid message: a reference to nothing"),
    ("80 02 58 ffffffff \"x\" 2e", "invalid message: it ends too early"),
    ("80 09 4e 2e", "invalid message: an unknown protocol"),
    ("80 02 49 \"x¶\" 2e", "invalid message: no integer, or one beyond 64 bits as text"),
    ("80 02 28 4e 75 2e", "invalid message: a key without a value"),
    ("", "invalid message: it ends too early"),
    ("80 02 63 \"mitogen.core¶_unpickle_call_error¶\" 55 02 \"xx\" 85 52 2e", "invalid message"),
    ("80 02 63 \"mitogen.core¶_unpickle_sender¶\" 4b 00 4b 00 86 52 2e", "invalid message: an identifier out of range"),
    ("80 02 63 \"mitogen.core¶_unpickle_context¶\" 88 4e 86 52 2e", "invalid message: an identifier out of range"),
    (
      "80 02 63 \"mitogen.core¶_unpickle_context¶\" 4a ffffffff 4e 86 52 2e",
      "invalid message: an identifier out of range"
    ),
    ("80 02 63 \"mitogen.core¶Blob¶\" 2e", "invalid message: a class is no value"),
    ("80 02 63 \"mitogen.core¶Blob¶\" 85 2e", "invalid message: a class is no value"),
    ("80 02 5d 63 \"mitogen.core¶Blob¶\" 61 2e", "invalid message: a class is no value"),
    ("80 02 5d 71 00 68 00 61 2e", "invalid message: a value that contains itself"),
  ]) func `what is no data is refused`(text: String, reason: String) {
    let error = #expect(throws: StreamError.self) { try Unpickled(Self.bytes(text)) }
    #expect(error?.message.hasPrefix(reason) == true, "\(error?.message ?? "nothing")")
  }

  @Test func `nothing is named where nothing may be`() {
    let error = #expect(throws: StreamError.self) {
      try Unpickled(Self.bytes("80 02 63 \"mitogen.core¶Blob¶\" 55 01 \"x\" 85 52 2e"), globals: .denyAll)
    }
    #expect(error?.message == "Denied: mitogen.core.Blob")
  }
}
