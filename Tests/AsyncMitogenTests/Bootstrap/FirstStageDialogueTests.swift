import Testing

@testable import AsyncMitogen

struct FirstStageDialogueTests {
  private static let hello = "MITOabc facts  gzip sha256  uname Linux x86_64\n"

  private func feed(_ text: String, by size: Int) -> (actions: [FirstStageDialogue.Action], rest: [UInt8]) {
    var dialogue = FirstStageDialogue(token: "abc")
    var (actions, rest) = ([FirstStageDialogue.Action](), [UInt8]())
    let bytes = Array(text.utf8)
    for start in stride(from: 0, to: bytes.count, by: size) {
      let answer = dialogue.receive(Array(bytes[start..<min(start + size, bytes.count)]))
      actions += answer.actions
      rest += answer.rest
    }
    return (actions, rest)
  }

  @Test(arguments: [1, 3, 7, 64, 100_000])
  func `a banner, facts, an image, and frames behind`(size: Int) {
    let facts = TargetFacts(system: "Linux", machine: "x86_64")
    let text = "Welcome!\nMITO000\nMITOother facts uname Linux vax\n" + FirstStageDialogueTests.hello
    let (actions, rest) = feed(text + "noise\nMITOSWIFT id-00\nMITO002\n\u{1}\u{2}frames\n", by: size)
    #expect(actions == [.sendImage(facts), .ready(BootstrapReport(image: ImageIdentity("id-00")))])
    #expect(rest == Array("\u{1}\u{2}frames\n".utf8))
  }

  @Test(arguments: [1, 4, 1_000])
  func `a program that takes the rest of itself says so once, after the facts`(size: Int) {
    let facts = TargetFacts(system: "Linux", machine: "x86_64")
    let text = "MITOREADS\n" + FirstStageDialogueTests.hello + "MITOREADS \n\nMITOREADS\nMITOREADS\nMITO002\nx"
    let (actions, rest) = feed(text, by: size)
    #expect(actions == [.sendImage(facts), .imageIsRead, .ready(BootstrapReport(image: nil))])
    #expect(rest == Array("x".utf8))
  }

  @Test func `who has the image gets the greeting only`() {
    let (actions, _) = feed("\nMITOabc facts cached gzip sha256  uname Linux aarch64\r\n", by: 5)
    #expect(actions == [.sendGreeting(TargetFacts(system: "Linux", machine: "aarch64", isCached: true))])
  }

  @Test(arguments: [
    ("digest", FirstStageFailure(cause: .digest)), ("killed", FirstStageFailure(cause: .killed)),
    (" noexec:/tmp full:/var/tmp", FirstStageFailure(cause: .directory, detail: "noexec:/tmp full:/var/tmp")),
    ("", FirstStageFailure(cause: .directory)),
  ])
  func `a failure ends it, before the facts and after`(words: String, failure: FirstStageFailure) {
    #expect(feed("\nMITOabc fail \(words)\nmore\n", by: 4).actions == [.failed(failure)])
    let later = feed(FirstStageDialogueTests.hello + "\nMITOabc fail \(words)\nmore\n", by: 1_000).actions
    #expect(later.count == 2 && later.last == .failed(failure))
    #expect(!failure.description.isEmpty)
  }

  @Test func `the end says what was missing`() {
    var dialogue = FirstStageDialogue(token: "abc")
    #expect(dialogue.ended().cause == .noShell)
    _ = dialogue.receive(Array(FirstStageDialogueTests.hello.utf8))
    #expect(dialogue.ended().cause == .ended)
    let line = "x: error while loading shared libraries: libswiftCore.so: cannot open shared object file: No such file"
    _ = dialogue.receive(Array("\(line)\n".utf8))
    #expect(dialogue.ended() == FirstStageFailure(cause: .library, detail: "libswiftCore.so"))
    let musl = ["Error loading shared library libc++.so.1: No such file or directory (needed by /x)"]
    #expect(LoaderMessage.missingLibrary(in: musl) == "libc++.so.1")
  }

  @Test func `who prints without end costs no memory`() {
    var dialogue = FirstStageDialogue(token: "abc")
    let line = [UInt8](repeating: UInt8(ascii: "x"), count: 100_000)
    for _ in 0..<50 { #expect(dialogue.receive(line).actions.isEmpty) }
    for _ in 0..<500 { _ = dialogue.receive(Array("line\n".utf8)) }
    #expect(dialogue.lines.count <= 100)
    #expect(dialogue.lines.reduce(0) { $0 + $1.utf8.count } <= 70_000)
    #expect(dialogue.receive(Array("\n\(FirstStageDialogueTests.hello)".utf8)).actions.count == 1)
  }

  @Test func `facts need all their words`() {
    for text in ["", "uname", "uname Linux", "gzip uname Linux", "Linux x86_64"] {
      #expect(TargetFacts(words: text.split(separator: " ")) == nil)
    }
  }
}
