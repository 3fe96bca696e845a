import Testing

@testable import AsyncMitogen

struct BootstrapDialogueTests {
  @Test func `lines until the one that says ready, however they are cut`() {
    let bytes = Array("a banner\nMITO000\nMITOSWIFT id-1\nMITO002\nframes".utf8)
    for cut in 0...bytes.count {
      var dialogue = BootstrapDialogue()
      var rest: [UInt8] = []
      var report: BootstrapReport?
      for part in [bytes[..<cut], bytes[cut...]] {
        if report != nil {
          rest += part
          continue
        }
        let (outcome, left) = dialogue.receive(Array(part))
        if case .ready(let found) = outcome {
          report = found
          rest += left
        }
      }
      #expect(report?.image == ImageIdentity("id-1"))
      #expect(rest == Array("frames".utf8))
      #expect(dialogue.lines == ["a banner", "MITO000"])
    }
  }

  @Test func `a child that is none of ours has no image`() {
    var dialogue = BootstrapDialogue()
    let (outcome, rest) = dialogue.receive(Array("MITO002\n".utf8))
    #expect(outcome == .ready(BootstrapReport(image: nil)))
    #expect(rest.isEmpty)
  }

  @Test func `what it keeps is bounded`() {
    var dialogue = BootstrapDialogue()
    for number in 0..<500 { _ = dialogue.receive(Array("line \(number)\n".utf8)) }
    #expect(dialogue.lines.count == 100)
    #expect(dialogue.lines.last == "line 499")
    _ = dialogue.receive([UInt8](repeating: 0x78, count: 1 << 20))
    _ = dialogue.receive([10])
    #expect((dialogue.lines.last?.utf8.count ?? 0) <= 4_096)
  }
}

struct ImageIdentityTests {
  @Test func `this program has one, and the same each time`() {
    #expect(ImageIdentity.own == ImageIdentity.own)
    #expect(!ImageIdentity.own.text.isEmpty)
    #expect(ImageIdentity("a").digest != ImageIdentity("b").digest)
    #expect(Image.own?.code.isEmpty == false)
  }
}
