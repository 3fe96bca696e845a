// Reads what `AsyncMitogenDemo --json` prints and says whether it is what it should be.
//
// Usage: check-facts LOCAL DEPTH < document
import Foundation

struct Report: Decodable {
  struct Context: Decodable {
    var name: String
    var depth: Int
    var processID: Int?
    var error: String?
  }

  var contexts: [Context]
  var stages: [String: Double]
}

func fail(_ message: String) -> Never {
  print("check-facts: \(message)")
  exit(1)
}

let numbers = CommandLine.arguments.dropFirst().compactMap { Int($0) }
guard numbers.count == 2 else { fail("usage: check-facts LOCAL DEPTH < document") }
let (local, depth) = (numbers[0], numbers[1])
let text = FileHandle.standardInput.readDataToEndOfFile()
do {
  let report = try JSONDecoder().decode(Report.self, from: text)
  for context in report.contexts {
    if let error = context.error { fail("\(context.name): \(error)") }
  }
  let processes = Set(report.contexts.compactMap(\.processID))
  let children = report.contexts.filter { $0.depth == 1 }.count
  let deepest = report.contexts.map(\.depth).max() ?? 0
  if report.contexts.count != local + depth { fail("\(report.contexts.count) contexts, not \(local + depth)") }
  if processes.count != report.contexts.count { fail("\(processes.count) processes for \(report.contexts.count) contexts") }
  if children != local { fail("\(children) children of the first process, not \(local)") }
  if deepest != depth + 1 { fail("a chain that is \(deepest - 1) deep, not \(depth)") }
  if report.stages.isEmpty { fail("no times") }
  print("\(report.contexts.count) contexts, the deepest \(deepest) levels below; times: \(report.stages)")
} catch {
  fail("\(error)")
}
