import Testing

@testable import AsyncMitogen

struct ResourceTableTests {
  private typealias Table = ResourceTable<String>
  private let name = ResourceName(package: "p", name: "a")

  private func describe(_ outcome: Table.Outcome) -> String {
    switch outcome {
    case .found(let content): "found \(content)"
    case .find: "find"
    case .wait: "wait"
    case .refuse: "refuse"
    }
  }

  private func describe(_ requesters: [Table.Requester]) -> [String] {
    requesters.map {
      switch $0 {
      case .neighbour(let context): "\(context)"
      case .local(_, let waiter): waiter
      }
    }
  }

  @Test func `it is asked for once, and all get it in order; then it is there`() {
    var table = Table(byteLimit: 10_000, waitingLimit: 10)
    #expect(describe(table.request(name, for: .neighbour(1))) == "find")
    #expect(describe(table.request(name, for: .local(1, "here"))) == "wait")
    #expect(describe(table.request(name, for: .neighbour(2))) == "wait")
    let resource = Resource(name: name, content: [1, 2])
    #expect(describe(table.receive(resource, keeps: true)) == ["1", "here", "2"])
    #expect(describe(table.request(name, for: .neighbour(3))) == "found [1, 2]")
    #expect(table.waitingCount == 0 && table.byteCount == 258)
  }

  @Test func `what there is not, and what is not kept, is asked for again`() {
    var table = Table(byteLimit: 10_000, waitingLimit: 10)
    for content in [nil, [UInt8](repeating: 0, count: 9_999)] {
      #expect(describe(table.request(name, for: .neighbour(1))) == "find")
      #expect(describe(table.receive(Resource(name: name, content: content), keeps: true)) == ["1"])
    }
    #expect(describe(table.request(name, for: .neighbour(1))) == "find")
    _ = table.receive(Resource(name: name, content: [1]), keeps: false)
    #expect(table.byteCount == 0)
    #expect(describe(table.request(name, for: .neighbour(1))) == "find")
  }

  @Test func `what nobody has asked for is not kept`() {
    var table = Table(byteLimit: 10_000, waitingLimit: 10)
    #expect(table.receive(Resource(name: name, content: [1]), keeps: true).isEmpty)
    #expect(table.byteCount == 0)
  }

  @Test func `what was used least recently goes first`() {
    var table = Table(byteLimit: 3 * 356, waitingLimit: 10)
    let names = (0..<4).map { ResourceName(package: "p", name: "\($0)") }
    func bring(_ index: Int) {
      _ = table.request(names[index], for: .neighbour(1))
      _ = table.receive(Resource(name: names[index], content: [UInt8](repeating: 0, count: 100)), keeps: true)
    }
    for index in 0..<3 { bring(index) }
    _ = table.request(names[0], for: .neighbour(1))
    bring(3)
    #expect(table.byteCount == 3 * 356)
    let outcomes = [0, 2, 3, 1].map { describe(table.request(names[$0], for: .neighbour(1))).prefix(5) }
    #expect(outcomes == ["found", "found", "found", "find"])
  }

  @Test func `so many wait as may, and who leaves makes room`() {
    var table = Table(byteLimit: 10_000, waitingLimit: 3)
    for number in 1...3 { _ = table.request(name, for: .local(UInt64(number), "\(number)")) }
    #expect(describe(table.request(name, for: .neighbour(1))) == "refuse")
    #expect(table.remove(2, from: name) == "2" && table.remove(2, from: name) == nil)
    #expect(describe(table.request(name, for: .neighbour(1))) == "wait")
    table.remove(ContextID(rawValue: 1))
    #expect(table.waitingCount == 2)
    #expect(describe(table.receive(Resource(name: name), keeps: true)) == ["1", "3"])
  }

  @Test func `when all have left it is asked for anew`() {
    var table = Table(byteLimit: 10_000, waitingLimit: 3)
    _ = table.request(name, for: .local(1, "1"))
    #expect(table.remove(1, from: name) == "1")
    #expect(describe(table.request(name, for: .neighbour(1))) == "find")
    table.remove(ContextID(rawValue: 1))
    #expect(describe(table.request(name, for: .neighbour(2))) == "find")
    #expect(table.removeAll().isEmpty && table.waitingCount == 0)
  }

  @Test func `at the end those here hear of it`() {
    var table = Table(byteLimit: 10_000, waitingLimit: 9)
    _ = table.request(name, for: .local(1, "1"))
    _ = table.request(name, for: .neighbour(1))
    _ = table.request(ResourceName(package: "o", name: "z"), for: .local(2, "2"))
    #expect(table.removeAll() == ["2", "1"])
  }

  @Test func `on the wire as Mitogen has it`() throws {
    let resource = Resource(name: ResourceName(package: "rpkg", name: "data.txt"), content: Array("resource!\n".utf8))
    let payload = try resource.payload()
    #expect(try Resource(payload: payload) == resource)
    let none = Resource(name: resource.name)
    #expect(try Resource(payload: none.payload()) == none)
    #expect(try ResourceName(Unpickled(resource.name.payload()).root) == resource.name)
    // As real Mitogen writes it; the second stream has no memo of its own.
    let python: [UInt8] =
      [0x80, 2, 0x58, 4, 0, 0, 0] + Array("rpkg".utf8) + [0x71, 0, 0x58, 8, 0, 0, 0] + Array("data.txt".utf8)
      + [0x71, 1, 0x86, 0x71, 2, 0x2e, 0x80, 2, 0x54, 10, 0, 0, 0] + Array("resource!\n".utf8) + [0x2e]
    #expect(try Resource(payload: python) == resource)
  }

  @Test(arguments: [
    [], [0x80, 2, 0x4e, 0x2e], [0x80, 2, 0x4e, 0x2e, 0x80, 2, 0x4e, 0x2e], [0x80, 2, 0x29, 0x2e, 0x80, 2, 0x4e, 0x2e],
    // An empty name, and a content that is a number.
    [0x80, 2, 0x54, 0, 0, 0, 0, 0x54, 0, 0, 0, 0, 0x86, 0x2e, 0x80, 2, 0x4e, 0x2e],
    [0x80, 2, 0x54, 0, 0, 0, 0, 0x54, 1, 0, 0, 0, 0x61, 0x86, 0x2e, 0x80, 2, 0x4b, 1, 0x2e],
  ])
  func `what is no resource is refused`(payload: [UInt8]) {
    #expect(throws: StreamError.self) { try Resource(payload: payload) }
  }
}
