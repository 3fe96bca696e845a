internal import AsyncMitogen

// What others may call.
extension JobService {
  struct Request: Codable, Sendable {
    /// The type of the job.
    var type: String
    /// The job, pickled.
    var arguments: [UInt8]
  }

  struct Name: Codable, Sendable { var id: JobID }

  struct Listening: Codable, Sendable {
    var id: JobID
    /// Where everything is sent, first of all what is known now. Nothing more comes after the job's end.
    var listener: Sender<JobNotice>
  }

  struct Push: Codable, Sendable {
    var id: JobID
    var update: [UInt8]
  }

  /// Begins a job and returns its name.
  static let start = ServiceMethod<JobService, Request, JobID>("start", policy: .allowParents) {
    try $0.begin($1)
  }
  /// Tells a listener how a job goes, and how it ends; also if it has ended already.
  static let listen = ServiceMethod<JobService, Listening, NoResult>("listen", policy: .allowAny) {
    guard let caller = Context.caller else { return }
    try $0.add($1.listener, of: caller.id, to: $1.id)
  }
  /// A listener no longer wants to hear of a job.
  static let leave = ServiceMethod<JobService, Listening, NoReply>("leave", policy: .allowAny) {
    $0.remove($1.listener, from: $1.id)
  }
  /// What is known of a job, without waiting for more.
  static let get = ServiceMethod<JobService, Name, JobNotice>("get", policy: .allowAny) {
    try $0.notice(of: $1.id)
  }
  /// A job tells how it goes. Who has the right to say that, the service knows.
  static let push = ServiceMethod<JobService, Push, NoResult>("push", policy: .allowAny) {
    guard let caller = Context.caller else { return }
    try $0.update($1.id, from: caller.id, $1.update)
  }
  /// Ends a job.
  static let cancel = ServiceMethod<JobService, Name, NoResult>("cancel", policy: .allowParents) {
    try $0.cancel($1.id)
  }

  @ServiceMethods static var methods: [AnyServiceMethod<JobService>] {
    start
    listen
    leave
    get
    push
    cancel
  }
}
