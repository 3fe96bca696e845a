import Testing

@testable import AsyncMitogen

/// Who gets which module when, without any Python.
struct ModuleTableTests {
  private func module(_ name: String, _ related: [String] = [], size: Int = 0) -> PythonModule {
    PythonModule(
      name: name,
      content: PythonModule.Content(
        submodules: nil, path: "/\(name)", compressed: [UInt8](repeating: 1, count: size), related: related))
  }

  private func neighbour(_ number: UInt32) -> ModuleTable.Requester { .neighbour(ContextID(rawValue: number)) }

  @Test func `a module is looked for once, and goes to all who asked`() {
    var table = ModuleTable(findsRelated: true)
    #expect(table.request("a", for: neighbour(1)) == [.find("a")])
    #expect(table.request("a", for: neighbour(2)) == [])
    #expect(table.request("a", for: .own(7)) == [])
    #expect(table.outstanding == ["a"])
    #expect(table.receive(module("a")) == [.send(module("a"), 1), .send(module("a"), 2), .give(module("a"), 7)])
    #expect(table.request("a", for: neighbour(3)) == [.send(module("a"), 3)])
    #expect(table.waitingCount == 0 && table.outstanding.isEmpty)
  }

  @Test func `what it imports comes first, and only once to each neighbour`() {
    var table = ModuleTable(findsRelated: true)
    _ = table.request("a", for: neighbour(1))
    let a = module("a", ["b", "b.c", "mitogen", "mitogen.core", "x.y"])
    #expect(table.receive(a) == [.find("b"), .find("b.c"), .find("x.y")])
    #expect(table.receive(module("b.c")) == [])
    #expect(table.receive(module("x.y")) == [])
    // A part of a package that is not there yet stays behind; what a Python context has is not sent.
    #expect(table.receive(module("b")) == [.send(module("b"), 1), .send(module("b.c"), 1), .send(a, 1)])
    let d = module("d", ["b", "b.c"])
    #expect(table.request("d", for: neighbour(1)) == [.find("d")])
    #expect(table.receive(d) == [.send(d, 1)])
    #expect(table.request("d", for: neighbour(2)) == [.send(module("b"), 2), .send(module("b.c"), 2), .send(d, 2)])
    // Asked for by name, it comes again.
    #expect(table.request("b", for: neighbour(2)) == [.send(module("b"), 2)])
  }

  @Test func `what cannot be found holds nobody up`() {
    var table = ModuleTable(findsRelated: true)
    _ = table.request("a", for: neighbour(1))
    let a = module("a", ["b"])
    _ = table.receive(a)
    #expect(table.receive(PythonModule(name: "b")) == [.send(a, 1)])
    #expect(table.request("b", for: neighbour(1)) == [.send(PythonModule(name: "b"), 1)])
    // Two that import each other.
    let (p, q) = (module("p", ["q"]), module("q", ["p"]))
    #expect(table.request("p", for: neighbour(2)) == [.find("p")])
    #expect(table.request("q", for: neighbour(3)) == [.find("q")])
    #expect(table.receive(p) == [])
    #expect(table.receive(q) == [.send(q, 2), .send(p, 2), .send(p, 3), .send(q, 3)])
  }

  @Test func `in between, the parent sends what a module imports`() {
    var table = ModuleTable(findsRelated: false)
    #expect(table.request("a", for: neighbour(1)) == [.find("a")])
    #expect(table.receive(module("b")) == [])
    let a = module("a", ["b", "c"])
    #expect(table.receive(a) == [.send(module("b"), 1), .send(a, 1)])
    #expect(table.request("b", for: neighbour(2)) == [.send(module("b"), 2)])
  }

  @Test func `a neighbour that is gone waits for nothing`() {
    var table = ModuleTable(findsRelated: true)
    _ = table.request("a", for: neighbour(1))
    _ = table.request("a", for: neighbour(2))
    table.remove(1)
    #expect(table.waitingCount == 1)
    #expect(table.receive(module("a")) == [.send(module("a"), 2)])
    _ = table.request("b", for: neighbour(2))
    table.remove(2)
    #expect(table.receive(module("b")) == [])
    #expect(table.cachedCount == 2 && table.waitingCount == 0)
  }

  @Test func `as many wait as may, and as much is kept`() {
    var table = ModuleTable(findsRelated: true, waitingLimit: 3, cacheLimit: 1_000)
    for name in ["a", "b", "c"] { #expect(table.request(name, for: neighbour(1)) == [.find(name)]) }
    #expect(table.request("d", for: neighbour(1)) == [.refuse("d", neighbour(1))])
    _ = table.receive(module("a", size: 2_000))
    // Somebody waits, and may need it.
    #expect(table.cachedCount == 1)
    _ = table.receive(PythonModule(name: "b"))
    _ = table.receive(PythonModule(name: "c"))
    #expect(table.cachedCount == 0 && table.cachedBytes == 0)
    #expect(table.request("a", for: neighbour(1)) == [.find("a")])
  }
}
