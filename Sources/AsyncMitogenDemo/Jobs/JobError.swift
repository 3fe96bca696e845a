internal import AsyncMitogen

/// The service of jobs would not do what it was asked to.
struct JobError: Error, Codable, Equatable, CustomStringConvertible {
  enum Reason: String, Codable {
    /// There is no job of that name, or it ended so long ago that it has been forgotten.
    case unknownJob
    /// The program has no such type of jobs.
    case unknownType
    case tooManyJobs
    case tooManyListeners
    case tooLarge
    /// Somebody else than the job's context has pushed.
    case foreign
    /// The job has ended already.
    case ended
    /// Only a job can push.
    case misplaced
    /// The service ends.
    case closing
  }

  let reason: Reason
  /// What is wrong, for a person.
  let description: String

  init(_ reason: Reason, _ detail: String = "") {
    self.reason = reason
    description =
      switch reason {
      case .unknownJob: "there is no job '\(detail)', or it has been forgotten"
      case .unknownType: "this program has no such kind of job"
      case .tooManyJobs: "\(detail) jobs run already"
      case .tooManyListeners: "\(detail) listeners wait already"
      case .tooLarge: "it is too large: \(detail)"
      case .foreign: "only the context of a job may push for it"
      case .ended: "the job has ended"
      case .misplaced: "only a job can push"
      case .closing: "the service of jobs ends"
      }
  }

  /// Runs a call; what the service has thrown is thrown as it was there.
  static func unwrapping<Result>(_ body: () async throws -> Result) async throws -> Result {
    do {
      return try await body()
    } catch let error as CallError {
      throw error.thrown(as: JobError.self) ?? error
    }
  }
}

/// Why a job has no output, wherever that was.
struct JobFailure: Error, Codable, Equatable, CustomStringConvertible {
  /// The type of what was thrown.
  let typeName: String
  /// What is wrong, for a person, with its causes.
  let description: String

  init(_ error: any Error) {
    switch error {
    case let error as CallError:
      typeName = error.typeName
      description = error.causes.isEmpty ? error.message : "\(error)"
    default:
      typeName = String(reflecting: type(of: error))
      description = "\(error)"
    }
  }
}
