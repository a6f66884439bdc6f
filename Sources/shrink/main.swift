import Pipeline
let a = CommandLine.arguments
let file = try PipelineFile(path: a[1], seed: a.count > 3 ? UInt64(a[3]) : nil)
let runner = try PipelineRunner(file, folder: PipelineFolder(build: "/tmp/build", pipeline: file.name, seed: a.count > 3 ? UInt64(a[3]) : nil))
for s in file.stages where a.count < 3 || a[2] == "all" || a[2] == s.name {
  try runner.run(stage: s.name) 
}
