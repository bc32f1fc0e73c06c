"""Python imports this at its start, before anything that could look at a clock, where `bench.clock` put its folder."""

import os
import time

import time_machine

time_machine.travel(time.time() + float(os.environ["CLOCK_SHIFT_SECONDS"]), tick=True).start()
# Its clock begins to tick when it is first looked at: at this moment, and not later by what is imported before.
time.time()
