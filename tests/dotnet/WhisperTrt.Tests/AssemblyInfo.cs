// The tests of the engine watch the clock; they get the machine for themselves.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
