import Foundation
import Testing

@testable import AsyncMitogen

/// What packing drops because nothing in the program can reach it: the output must not change.
@Suite(
  .timeLimit(.minutes(2)),
  .enabled(
    if: PackedProgram.isSwiftWanted, "builds Swift programs; wants AMT_PACKED_PROGRAMS=1, clang, ld.lld, xz and swiftc")
)
struct PackedDeadTests {
  /// Builds a program and packs it; what it prints and how long it is, unpacked, with all of it and without what is dead.
  private func pack(
    _ source: String, linker: String = "-use-ld=lld -Xlinker --emit-relocs"
  ) async throws -> [(output: String, size: Int)] {
    try await onOwnThread { Result { try packOnThread(source, linker: linker) } }.get()
  }

  private func packOnThread(_ source: String, linker: String) throws -> [(output: String, size: Int)] {
    let place = try Scratch()
    try place.write(Array(source.utf8), "main.swift")
    let pack = ShellCommand.quoted(Place.package + "/Docs/pack")
    let build = try ShellCommand(
      """
      cd \(ShellCommand.quoted(place.root)) && export PACK_METHOD=fast &&
      swiftc -Osize -swift-version 6 -static-executable main.swift -o main \(linker) -Xlinker --build-id \
      -Xlinker --gc-sections 2>/dev/null && PACK_DEAD=keep \(pack) main keep && \(pack) main drop
      """)
    try #require(build.status == 0, "\(build.output)")
    return try ["main", "keep", "drop"].map { name in
      // The order of dictionaries and sets is the same in all of them.
      let path = ShellCommand.quoted(place.path(name))
      let run = try ShellCommand("SWIFT_BACKTRACE=enable=no SWIFT_DETERMINISTIC_HASHING=1 \(path)")
      #expect(run.status == 0, "\(name): \(run.output)")
      return (run.output, try place.read(name).count)
    }
  }

  private func expectSame(_ runs: [(output: String, size: Int)], lines: Int) {
    #expect(runs[0].output == runs[1].output && runs[0].output == runs[2].output)
    #expect(runs[0].output.split(separator: "\n").count == lines)
    #if arch(x86_64)
      #expect(runs[2].size < runs[1].size - 300_000)
    #endif
  }

  @Test func `values of every kind are cast and described`() async throws {
    let runs = try await pack(
      """
      struct Point: Hashable, CustomStringConvertible { var x = 1, y = 2.5; var description: String { "(\\(x); \\(y))" } }
      struct Plain { var name = "n", list = [1, 2], pair = (1, "two"), kind = Kind.b(3), all = ["k": Point()] }
      enum Kind { case a, b(Int), c(label: String) }
      struct Failure: Error { var code = 3 }
      let values: [Any] = [
        1, 2.5, "s", Point(), Plain(), Kind.c(label: "x"), [1], Set([3]), (1, 2), 1...3, Character("c"), UInt64.max, 5 as Int128,
        Failure(), [1, 2].lazy.map { $0 + 1 }, AnyHashable(1), Duration.seconds(1.5), "ab".utf8, Int.self, true,
      ]
      for value in values {
        print(type(of: value), value is any Hashable, value is any Error, value is any Comparable, value is any Strideable)
        print(value as? any CustomStringConvertible ?? "-", (value as? any CustomDebugStringConvertible)?.debugDescription ?? "-")
        print(String(reflecting: value), (value as? any BinaryInteger)?.words.count ?? 0)
        if let sequence = value as? any Sequence { for element in sequence { print(element, terminator: " ") } }
        print((value as? any Hashable).map { AnyHashable($0) == AnyHashable($0) } ?? false)
      }
      do { throw Failure() } catch { print(error, error as? Failure as Any) }
      dump(Plain())
      print(_typeByName(_mangledTypeName([String: [Int8]].self)!)!, _typeByName("4main5PointV") as Any)
      """)
    expectSame(runs, lines: 98)
  }

  @Test func `text, numbers, collections and key paths`() async throws {
    let runs = try await pack(
      """
      print("e\\u{301}" == "\\u{e9}", "\\u{1F468}\\u{200D}\\u{1F469}".count, "stra\\u{df}e".uppercased(), "a" < "\\u{c5}")
      print("x,y,,z".split(separator: ","), String(decoding: [0xff, 0x41], as: UTF8.self), "a\\tb".debugDescription)
      print(Int128.max / 7, UInt128(1) << 100, String(UInt128.max, radix: 36), Int128("-12345678901234567890")!)
      print(0.1 + 0.2, Float(1) / 3, -Double.infinity, Double("0x1p-3")!, (7.5).rounded(), Float16(0.1), [Float16(2)])
      print((1...9).lazy.filter { $0 % 2 == 0 }.map { $0 * $0 }.map { $0 }, [[1], [2, 3]].joined().map { $0 })
      struct Person { var name = "n", inner = Inner(); struct Inner { var list = [1, 2, 3]; var some: Int? = 4 } }
      var person = Person()
      let paths: [PartialKeyPath<Person>] = [\\.name, \\.inner.list[1], \\.inner.some?.description]
      for path in paths { print(person[keyPath: path], path == paths[0], type(of: path).valueType) }
      let third: WritableKeyPath<Person, Int> = \\Person.inner.list[2]
      person[keyPath: third] = 9
      print(person.inner.list, Dictionary(grouping: 1...9) { $0 % 3 }.sorted { $0.key < $1.key })
      protocol Shape { associatedtype Unit: Numeric; var area: Unit { get } }
      extension Shape { var double: Unit { area * 2 } }
      struct Square: Shape { var area = 4 }
      struct Circle: Shape { var area = 2.5 }
      for shape in [Square(), Circle()] as [any Shape] { print(shape.double, type(of: shape.area)) }
      """)
    expectSame(runs, lines: 11)
  }

  @Test func `tasks, streams, clocks and executors`() async throws {
    let runs = try await pack(
      """
      import Synchronization
      actor Counter { var value = 0; func add(_ n: Int) -> Int { value += n; return value } }
      struct Oops: Error { var text = "o" }
      enum Local { @TaskLocal static var name = "none" }
      let mutex = Mutex([Int]()), counter = Counter()
      await withTaskGroup(of: Int.self) { group in
        for n in 1...9 { group.addTask { await counter.add(n) } }
        for await n in group { mutex.withLock { $0.append(n) } }
      }
      print(await counter.add(0), mutex.withLock { $0.max()! })
      let (stream, continuation) = AsyncStream.makeStream(of: Int.self, bufferingPolicy: .bufferingNewest(4))
      for n in 0..<6 { print(continuation.yield(n)) }
      continuation.finish()
      for await n in stream.map({ $0 * 2 }).filter({ $0 != 6 }) { print(n) }
      let failing = AsyncThrowingStream<Int, any Error> { $0.finish(throwing: Oops()) }
      do { for try await _ in failing {} } catch { print(error, error is CancellationError) }
      let task = Task { try await Task.sleep(for: .seconds(60)) }
      task.cancel()
      print(await task.result)
      await Local.$name.withValue("set") { print(await Task { Local.name }.value, await Task.detached { Local.name }.value) }
      let start = ContinuousClock.now
      try await Task.sleep(for: .milliseconds(2))
      print(start.duration(to: .now) > .milliseconds(1), Duration.seconds(90) / 7)
      final class Inline: TaskExecutor {
        func enqueue(_ job: consuming ExecutorJob) { UnownedJob(job).runSynchronously(on: asUnownedTaskExecutor()) }
      }
      print(await Task(executorPreference: Inline()) { 9 }.value, (counter as any Actor) is Counter)
      """)
    expectSame(runs, lines: 15)
  }

  @Test func `what says nothing of its references stays as it is`() async throws {
    let runs = try await pack("print([3, 1].sorted())", linker: "")
    #expect(runs[1].size == runs[2].size && runs[2].output == "[1, 3]\n")
  }
}
