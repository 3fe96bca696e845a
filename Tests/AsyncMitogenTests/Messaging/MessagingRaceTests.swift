import Synchronization
import Testing

@testable import AsyncMitogen

/// What several tasks found.
private final class Collected: Sendable {
  private let numbers = Mutex<[Int]>([])
  func append(_ number: Int) { numbers.withLock { $0.append(number) } }
  var all: [Int] { numbers.withLock { $0 } }
}

/// Many tasks at once: whatever happens in which order, nothing is lost and nothing comes twice.
@Suite(.timeLimit(.minutes(2)))
struct MessagingRaceTests {
  let port = TestPort()

  @Test func `a hundred tasks send a thousand elements each to a hundred tasks`() async throws {
    let receiver = Receiver<Int>(port, limit: .unbounded)
    let sender = receiver.sender
    let seen = try await withThrowingTaskGroup(of: [Int].self) { group in
      for _ in 0..<100 {
        group.addTask {
          var seen: [Int] = []
          for _ in 0..<1000 { seen.append(try await receiver.get()) }
          return seen
        }
      }
      for task in 0..<100 {
        group.addTask {
          for number in 0..<1000 { try await sender.send(task * 1000 + number) }
          return []
        }
      }
      return try await group.reduce(into: []) { $0 += $1 }
    }
    #expect(seen.sorted() == Array(0..<100_000))
    #expect(receiver.size == 0)
  }

  @Test func `one reader sees each sender's elements in order`() async throws {
    let receiver = Receiver<Int>(port, limit: .unbounded)
    let sender = receiver.sender
    let senders = (0..<10).map { task in
      Task { for number in 0..<1000 { try await sender.send(task * 1000 + number) } }
    }
    var last = Array(repeating: -1, count: 10)
    for _ in 0..<10_000 {
      let number = try await receiver.get()
      #expect(number % 1000 == last[number / 1000] + 1)
      last[number / 1000] = number % 1000
    }
    for sender in senders { try await sender.value }
  }

  @Test func `a storm of cancellations loses nothing`() async throws {
    let receiver = Receiver<Int>(port, limit: .unbounded)
    let seen = Collected()
    let count = 20_000
    let feeder = Task { for number in 0..<count { try receiver.feed(number) } }
    await withTaskGroup { group in
      for round in 0..<2000 {
        let waiter = Task {
          while true {
            let number = try await receiver.get()
            seen.append(number)
          }
        }
        group.addTask {
          for _ in 0..<round % 7 { await Task.yield() }
          waiter.cancel()
          // A task that is cancelled still takes what is there, and stops where it would have to wait.
          _ = await waiter.result
        }
      }
    }
    try await feeder.value
    var left: [Int] = []
    while receiver.size > 0 { left.append(try await receiver.get()) }
    #expect((seen.all + left).sorted() == Array(0..<count))
    #expect(receiver.core.queue.waiterCount == 0)
  }

  @Test func `cancellations and timers race with elements, one at a time`() async throws {
    let receiver = Receiver<Int>(port)
    for number in 0..<2000 {
      let waiter = Task { try await receiver.get(timeout: .seconds(1)) }
      if number.isMultiple(of: 3) { try await eventually { receiver.core.queue.waiterCount == 1 } }
      async let cancelled: Void = { number.isMultiple(of: 2) ? waiter.cancel() : port.advance(by: .seconds(1)) }()
      async let fed: Void = receiver.feed(number)
      await cancelled
      try await fed
      switch await waiter.result {
      case .success(let element):
        #expect(element == number)
        #expect(receiver.size == 0)
      case .failure:
        #expect(try await receiver.get(timeout: .zero) == number)
      }
    }
    #expect(port.timerCount == 0)
  }

  @Test func `closing races with elements and waits`() async throws {
    for _ in 0..<500 {
      let receiver = Receiver<Int>(port)
      let readers = (0..<3).map { _ in
        Task {
          var seen: [Int] = []
          for try await element in receiver { seen.append(element) }
          return seen
        }
      }
      let handle = try #require(receiver.handle)
      let feeder = Task { [port] in
        for number in 0..<10 {
          port.deliver(Message(handle: handle, payload: Array(String(number).utf8)))
        }
      }
      receiver.close()
      await feeder.value
      var seen: [Int] = []
      for reader in readers { seen += try await reader.value }
      #expect(seen.sorted() == Array(0..<seen.count))
    }
    #expect(port.handles.isEmpty)
  }

  @Test func `a Select gathers from many while members come and go`() async throws {
    let select = Select([Receiver<Int>](), oneshot: false)
    let keeper = Receiver<Int>(port)
    try select.add(keeper)
    let receivers = (0..<50).map { _ in Receiver<Int>(port, limit: .unbounded) }
    for receiver in receivers { try select.add(receiver) }
    let feeders = receivers.enumerated().map { index, receiver in
      Task { for number in 0..<200 { try receiver.feed(index * 200 + number) } }
    }
    let movers = receivers.prefix(10).map { receiver in
      Task {
        for _ in 0..<100 {
          try? select.remove(receiver)
          await Task.yield()
          try? select.add(receiver)
        }
      }
    }
    let readers = (0..<4).map { _ in
      Task {
        var seen: [Int] = []
        for try await event in select {
          let number = try event.value
          guard number >= 0 else { break }
          seen.append(number)
        }
        return seen
      }
    }
    for feeder in feeders { try await feeder.value }
    for mover in movers { await mover.value }
    try await eventually { select.isEmpty }
    for _ in readers { try keeper.feed(-1) }
    var seen: [Int] = []
    for reader in readers { seen += try await reader.value }
    #expect(seen.sorted() == Array(0..<10_000))
  }

  @Test func `oneshot is one element, however many tasks ask`() async throws {
    for _ in 0..<200 {
      let receivers = (0..<10).map { _ in Receiver<Int>(port) }
      let select = Select(receivers)
      let feeders = receivers.map { receiver in Task { try receiver.feed(1, 1, 1) } }
      let readers = (0..<4).map { _ in
        Task {
          var count = 0
          for try await _ in select { count += 1 }
          return count
        }
      }
      for feeder in feeders { try await feeder.value }
      var count = 0
      for reader in readers { count += try await reader.value }
      #expect(count == 10)
      #expect(receivers.reduce(0) { $0 + $1.size } == 20)
    }
  }

  @Test func `a storm of cancelled iterations of a Select loses nothing`() async throws {
    let receivers = (0..<20).map { _ in Receiver<Int>(port, limit: .unbounded) }
    let outer = Select<Int>(oneshot: false)
    try outer.add(Select(receivers, oneshot: false))
    let seen = Collected()
    let feeders = receivers.enumerated().map { index, receiver in
      Task { for number in 0..<200 { try receiver.feed(index * 200 + number) } }
    }
    for round in 0..<1000 {
      let reader = Task {
        for try await event in outer {
          let number = try event.value
          seen.append(number)
        }
      }
      for _ in 0..<round % 5 { await Task.yield() }
      reader.cancel()
      _ = await reader.result
    }
    for feeder in feeders { try await feeder.value }
    while !outer.isEmpty {
      let number = try await outer.get()
      seen.append(number)
    }
    #expect(seen.all.sorted() == Array(0..<4000))
    #expect(outer.core.waiterCount == 0)
  }

  @Test func `senders in a storm of cancellations count what they sent, and no more`() async throws {
    let port = TestPort(window: 500)
    let receiver = Receiver<Int>(port: port, limit: .unbounded, coder: decimal)
    let sender = receiver.sender
    // Its consumption is acknowledged by hand, so that the small window is the sender's only.
    let sent = Collected()
    let tasks = (0..<500).map { number in
      Task {
        try await sender.send(number)
        sent.append(number)
      }
    }
    for (number, task) in tasks.enumerated() where number.isMultiple(of: 2) { task.cancel() }
    var received = 0
    var total = 0
    while received < 250 || sender.flow.waiterCount > 0 || received < sent.all.count {
      guard receiver.size > 0 else {
        await Task.yield()
        continue
      }
      total += try await receiver.getMessage().flowSize
      received += 1
      let handle = try #require(port.handles.first { $0.isFlow })
      port.deliver(Message(handle: handle, payload: Array(String(total).utf8)))
    }
    for task in tasks { _ = await task.result }
    while receiver.size > 0 {
      _ = try await receiver.get()
      received += 1
    }
    #expect(received == sent.all.count)
    #expect(received >= 250)
  }

  @Test func `receivers, senders and flows that come and go at once leave nothing`() async throws {
    await withTaskGroup { group in
      for _ in 0..<8 {
        group.addTask { [port] in
          for _ in 0..<500 {
            let receiver = Receiver<Int>(port)
            let other = Sender(port: port, contextID: 0, handle: receiver.core.handle, coder: decimal)
            try? await receiver.sender.send(1)
            try? await other.send(2)
            _ = try? await receiver.get()
            let shared = Sender(port: port, contextID: 0, handle: 5555, coder: decimal)
            try? shared.post(1)
          }
        }
      }
    }
    #expect(port.handles.isEmpty)
    #expect(port.flows.count == 0)
  }
}
