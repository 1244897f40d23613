//! The demo: its portal behind the real gateway, and the story that it prints.

mod command;
mod portal;
mod push;
