import Foundation
import Synchronization
import Testing

@testable import AsyncMitogen

/// A real Python master, which starts this program as if it were Python.
enum PythonMaster {
  /// What the scripts begin with: a master, and the names of Swift functions.
  private static let beginning = """
    import logging, os, signal, sys, threading, time
    import mitogen.core, mitogen.master, mitogen.parent, mitogen.select, mitogen.service
    from mitogen.core import Blob, CallError, ChannelError, Receiver, Secret, StreamError

    program, python = sys.argv[1], sys.executable

    def swift(name):
        def function(**arguments):
            raise NotImplementedError
        function.__module__, _, function.__name__ = ("AsyncMitogenTests." + name).partition(".")
        return function

    def refused(kind, call, *arguments, **keywords):
        try:
            call(*arguments, **keywords)
        except kind as error:
            return str(error)
        raise AssertionError("nothing was raised")

    def run(main):
        broker = mitogen.master.Broker()
        router = mitogen.master.Router(broker)
        try:
            main(router)
        finally:
            broker.shutdown()
            broker.join()
        # Behind what contexts that end have logged.
        print("done")

    """

  /// A directory with the script `main.py` and other modules.
  static func scripts(_ script: String, _ files: [String: String]) throws -> Sandbox {
    try Python.sandbox(
      files.merging(["tree.py": beginning, "main.py": "from tree import *\n" + script]) { one, _ in one })
  }

  /// Runs a script whose `main(router)` raises if something is wrong.
  static func run(_ script: String, files: [String: String] = [:], _ arguments: String...) async throws {
    let whole = script + "\nif __name__ == \"__main__\":\n    run(main)\n"
    let box = try scripts(whole, files)
    let words = [try #require(Python.path), box("main.py"), program] + arguments
    let line = "timeout 60 " + words.map(ShellCommand.quoted).joined(separator: " ")
    let result = try await onOwnThread { Result { try ShellCommand(line) } }.get()
    #expect(result.status == 0 && result.output.hasSuffix("done\n"), "\(result.output)")
  }

  /// This program.
  static let program = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
}

// What Python masters call.

/// Sends values to somebody, and says how many.
struct Post: RemoteFunction {
  var sender: Sender<PickledValue>
  var values: [PickledValue]

  func callAsFunction() async throws -> Int {
    for value in values { try await sender.send(value) }
    sender.close()
    return values.count
  }
}

/// Tells where it hears numbers, and returns their sum when there are no more.
struct Total: RemoteFunction {
  var answers: Sender<Sender<Int>>

  func callAsFunction() async throws -> Int {
    guard let router = ExternalContext.current?.router else { throw Opaque() }
    let numbers = Receiver<Int>(router: router)
    try await answers.send(numbers.sender)
    var total = 0
    for try await number in numbers { total += number }
    return total
  }
}

/// Tells its arguments from each other.
struct Subtract: RemoteFunction {
  var left: Int
  var right: Int
  func callAsFunction() -> Int { left - right }
}

/// Some of its arguments may be missing.
struct Order: RemoteFunction {
  var text: String
  var number: Int?
  var context: Context?
  var point: Point?

  func callAsFunction() -> [PickledValue] {
    [
      .string(text), number.map { .integer($0) } ?? .none, context.map { .integer(Int($0.id.rawValue)) } ?? .none,
      point.map { ["x": .integer($0.x), "y": .integer($0.y)] } ?? .none,
    ]
  }
}

/// Prints and logs.
struct Speak: RemoteFunction {
  var text: String

  func callAsFunction() -> Int {
    print("printed " + text)
    Logger("speech").error("logged " + text)
    return Int(getpid())
  }
}

/// Keeps what it is given, and returns all.
struct Note: RemoteFunction {
  var number: Int
  private static let notes = Mutex<[Int]>([])

  func callAsFunction() -> [Int] {
    Note.notes.withLock { notes in
      notes.append(number)
      return notes
    }
  }
}

/// Calls a service of its parent.
struct AskParent: RemoteFunction {
  var service: String
  var method: String
  var arguments: PickledValue

  func callAsFunction() async throws -> PickledValue {
    guard let parent = ExternalContext.current?.parent else { throw Opaque() }
    return try await parent.callService(service, method, arguments)
  }
}

/// Gets a file of its parent's.
struct FetchFromParent: RemoteFunction {
  var path: String
  var target: String

  func callAsFunction() async throws -> Int {
    guard let parent = ExternalContext.current?.parent else { throw Opaque() }
    _ = try await FileService.get(path, from: parent, to: target)
    return 0
  }
}

/// Has a file that was pushed.
struct Pushed: RemoteFunction {
  var path: String

  func callAsFunction() async throws -> Blob { Blob(try await PushFileService.get(path, timeout: .seconds(20))) }
}

/// Never returns.
struct Linger: RemoteFunction {
  func callAsFunction() async throws -> Int {
    try await Task.sleep(for: .seconds(3_600))
    return 0
  }
}
