"""Which operations of SageMaker's the local cloud carries out, and which it only keeps the records of.

docs/compatibility.md is made of this, and the tests call each operation to see that it is true.
"""

from __future__ import annotations

# The work is done, or what is asked for is true of what is done.
RUNS = {
    "AddTags": "",
    "BatchDescribeModelPackage": "",
    "CreateEndpoint": "",
    "CreateEndpointConfig": "",
    "CreateModel": "",
    "CreateModelPackage": "Completed at once; its images are not scanned",
    "CreateModelPackageGroup": "",
    "CreateProcessingJob": "",
    "CreateTrainingJob": "",
    "CreateTransformJob": "",
    "DeleteEndpoint": "",
    "DeleteEndpointConfig": "",
    "DeleteModel": "",
    "DeleteModelPackage": "",
    "DeleteModelPackageGroup": "",
    "DeleteProcessingJob": "",
    "DeleteTags": "",
    "DeleteTrainingJob": "",
    "DescribeEndpoint": "",
    "DescribeEndpointConfig": "",
    "DescribeModel": "",
    "DescribeModelPackage": "",
    "DescribeModelPackageGroup": "",
    "DescribeProcessingJob": "",
    "DescribeTrainingJob": "",
    "DescribeTransformJob": "",
    "ListEndpointConfigs": "",
    "ListEndpoints": "",
    "ListModelPackageGroups": "",
    "ListModelPackages": "",
    "ListModels": "",
    "ListProcessingJobs": "",
    "ListTags": "",
    "ListTrainingJobs": "",
    "ListTransformJobs": "",
    "Search": "TrainingJob, Endpoint, Model, ModelPackage, ModelPackageGroup, ModelCard, Experiment, ExperimentTrial, "
    "ExperimentTrialComponent; other resources are refused",
    "StopProcessingJob": "",
    "StopTrainingJob": "",
    "StopTransformJob": "",
    "UpdateEndpoint": "all at once",
    "UpdateEndpointWeightsAndCapacities": "weights count; a variant is one server process, whatever its instances",
    "UpdateModelPackage": "",
}
# What is said is kept and told again. On AWS too it is a record, or nothing here acts on it.
STORES = {
    "AssociateTrialComponent": "",
    "CreateExperiment": "",
    "CreateModelCard": "",
    "CreateTrial": "",
    "CreateTrialComponent": "jobs make none by themselves",
    "DeleteExperiment": "",
    "DeleteModelCard": "",
    "DeleteModelPackageGroupPolicy": "",
    "DeleteTrial": "",
    "DeleteTrialComponent": "",
    "DescribeExperiment": "",
    "DescribeModelCard": "",
    "DescribeTrial": "",
    "DescribeTrialComponent": "",
    "DisassociateTrialComponent": "",
    "GetModelPackageGroupPolicy": "",
    "ListExperiments": "",
    "ListModelCardVersions": "",
    "ListModelCards": "",
    "ListTrialComponents": "",
    "ListTrials": "",
    "PutModelPackageGroupPolicy": "there is one account, so nobody else's calls are decided by it",
    "UpdateExperiment": "",
    "UpdateModelCard": "",
    "UpdateTrial": "",
    "UpdateTrialComponent": "",
}
# Of the runtime API.
RUNTIME_RUNS = {"InvokeEndpoint": "", "InvokeEndpointAsync": "InputLocation in S3; other inputs and names are refused"}
