/// How much a ``JobService`` does and keeps.
struct JobLimits: Sendable {
  /// How many jobs run at once, each in a process of its own.
  var running = 64
  /// How many jobs are remembered after their end; the oldest make room.
  var finished = 256
  /// How long they are remembered.
  var retention = Duration.seconds(3_600)
  /// How many bytes the last updates and outputs of those that have ended take; the oldest make room.
  var finishedBytes = 16 << 20
  /// How large what a job is given, and what it returns, may be, in bytes.
  var valueBytes = 1 << 20
  /// How large an update may be, in bytes.
  var updateBytes = 64 << 10
  /// How many listeners there are to all jobs.
  var listeners = 1_024
}
