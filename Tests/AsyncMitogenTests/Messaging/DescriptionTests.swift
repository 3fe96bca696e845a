import Testing

@testable import AsyncMitogen

struct DescriptionTests {
  @Test func `everything can be printed, reflected and dumped`() async throws {
    let port = TestPort(3)
    let receiver = Receiver<Int>(port: port, handle: 5000, coder: decimal)
    let select = Select([receiver], oneshot: false)
    try receiver.sender.post(1)
    try receiver.sender.post(2)
    let event = try await select.nextEvent()
    let channel = Channel(receiver: receiver, sender: receiver.sender)
    #expect("\(receiver)" == "Receiver(context 3, handle 5000)")
    #expect("\(receiver.sender)" == "Sender(context 3, handle 5000)")
    #expect("\(channel)" == "Channel(\(receiver), \(receiver.sender))")
    #expect("\(select)" == "Select(1 waiting)")
    #expect("\(event)" == "SelectEvent(context 3, \(receiver))")
    for value in [receiver, receiver.sender, channel, select, event] as [Any] {
      var text = ""
      dump(value, to: &text)
      #expect(!text.isEmpty)
      #expect(!String(reflecting: value).isEmpty)
    }
    receiver.close()
    #expect("\(receiver)" == "Receiver(context 3, handle closed)")
  }
}
