//! The way of a change through the engine, on a world in memory: no AWS, a clock that is told.

mod cases;
mod world;
