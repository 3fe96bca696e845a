internal import AsyncMitogen

/// Work that takes long: a value holds what it needs to know, and is sent to the context in which it is done.
///
/// Its type may be neither local nor generic; the context runs the same program.
protocol Job: Codable, Sendable {
  /// What it tells on the way; `NoResult` if nothing.
  associatedtype Update: Codable & Sendable
  /// What it returns.
  associatedtype Output: Codable & Sendable

  /// Does the work, in a process of its own; when its task is cancelled, it should end soon.
  ///
  /// - Parameter channel: Where it tells how it goes.
  func run(_ channel: JobChannel<Self>) async throws -> Output
}

/// How a job reaches those who listen.
struct JobChannel<Work: Job>: Sendable {
  let id: JobID

  /// Tells something; the last such update is remembered. Mitogen's `push`.
  ///
  /// Returns when the service has it, so a job is never further ahead than that. Listeners that are slow get the newest
  /// updates, and miss others.
  ///
  /// - Throws: ``JobError`` if it is too large; what encoding throws; `ChannelError` if the service is gone.
  func push(_ update: Work.Update) async throws {
    guard let parent = ExternalContext.current?.parent else { throw JobError(.misplaced) }
    try await JobError.unwrapping {
      try await parent.call(JobService.push, .init(id: id, update: PickleEncoder().encode(update)))
    }
  }
}

/// Names a job. Nobody can guess it: whoever has it may listen.
struct JobID: Hashable, Sendable, Codable, CustomStringConvertible {
  /// 32 hexadecimal digits, unless somebody has made them up.
  let text: String

  /// Makes one that no job has.
  static func random() -> JobID {
    let digits = (0..<2).map { _ in
      let half = String(UInt64.random(in: .min ... .max), radix: 16)
      return String(repeating: "0", count: 16 - half.count) + half
    }
    return JobID(text: digits.joined())
  }

  var description: String { text }

  init(text: String) { self.text = text }

  init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    text = try container.decode(String.self)
    guard (1...64).contains(text.utf8.count), text.utf8.allSatisfy({ $0 < 0x80 }), text.allSatisfy(\.isHexDigit) else {
      throw DecodingError.dataCorruptedError(in: container, debugDescription: "it is not the name of a job")
    }
  }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}

/// Finds and runs jobs in the contexts that were made for them.
enum JobRunner {
  /// What a type is called on the way to another process of this program.
  static func name<Work: Job>(of type: Work.Type) throws(JobError) -> String {
    guard let name = _mangledTypeName(type), find(name) != nil else { throw JobError(.unknownType) }
    return name
  }

  /// The type of a job; nil if this program has none of that name.
  static func find(_ name: String) -> (any Job.Type)? {
    guard name.utf8.count < 1_024 else { return nil }
    return _typeByName(name) as? any Job.Type
  }

  /// Runs a job; returns the pickle of its output.
  static func run(_ name: String, _ arguments: [UInt8], _ id: JobID) async throws -> [UInt8] {
    guard let type = find(name) else { throw JobError(.unknownType) }
    return try await run(type, arguments, id)
  }

  private static func run<Work: Job>(_ type: Work.Type, _ arguments: [UInt8], _ id: JobID) async throws -> [UInt8] {
    let work = try PickleDecoder().decode(type, from: arguments)
    return try PickleEncoder().encode(try await work.run(JobChannel(id: id)))
  }
}
