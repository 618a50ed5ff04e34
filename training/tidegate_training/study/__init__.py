"""Problems of the papers, solved again beside their exact optimum. Nothing here runs in the service."""
