"""Singer tap for DevRev: conversations from the export API."""
